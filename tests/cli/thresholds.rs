//! What `stats` says that thresholds of `quality` would drop, beside what the step itself finds.

use std::fs;

use serde_json::{Value, json};

use crate::stage::Stage;

/// Texts of many kinds: few and many words, long ones, symbols, bullets, numbers, repeated lines and runs of words.
fn texts() -> impl Iterator<Item = Option<String>> {
    (0..400_usize).map(|nth| {
        let words: Vec<String> = (0..nth % 70 + 3)
            .map(|at| match (at * 7 + nth) % 11 {
                0 => "the".to_owned(),
                1 => "sea.".to_owned(),
                2 => format!("{}", at % 5),
                3 if nth.is_multiple_of(3) => "#tag".to_owned(),
                4 if nth.is_multiple_of(4) => "and so on ...\n".to_owned(),
                5 if nth.is_multiple_of(5) => "\n- line\n".to_owned(),
                6 if nth.is_multiple_of(7) => "\n\nJavaScript is off\n\n".to_owned(),
                7 if nth.is_multiple_of(50) => "x".repeat(1_001),
                _ => format!("word{}", at % (nth % 13 + 1)),
            })
            .collect();
        (nth % 40 != 7).then(|| words.join(" "))
    })
}

#[test]
fn thresholds_of_quality_drop_what_the_step_drops_by_each_rule() {
    let stage = Stage::empty();
    let rows: String = texts().map(|body| json!({ "body": body }).to_string() + "\n").collect();
    fs::write(stage.folder.join("docs.jsonl"), rows).unwrap();
    let config = json!({ "skip": ["c4.sentences"], "gopher": { "words": [20, 60], "top_ngram": [0.3, 0.2, 0.1] } });
    let flag = |mut config: Value| {
        config["mode"] = "flag".into();
        config
    };
    let step = |name: &str, config: Value| {
        let columns = json!({ "text": "body" });
        json!({ "name": name, "use": "quality", "from": "docs", "config": config, "columns": columns, "stats": name == "kept" })
    };
    let pipeline = json!({
        "callboard": 1,
        "inputs": { "docs": { "path": "docs.jsonl" } },
        "steps": [step("kept", config.clone()), step("flagged", flag(config))],
        "outputs": { "kept": { "path": "kept.jsonl", "from": "kept" }, "flagged": { "path": "flagged.jsonl", "from": "flagged" } },
    });
    fs::write(stage.folder.join("p.json"), pipeline.to_string()).unwrap();
    let ran = stage.sh("callboard run p.json --run-dir run --quiet --report report.json");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    let flagged = fs::read_to_string(stage.folder.join("flagged.jsonl")).unwrap();
    let flagged: Vec<Value> = flagged.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fails = |rule: &str| {
        let is_null = |row: &&Value| row["quality_failed"].is_null();
        let fails = |row: &&Value| row["quality_failed"].as_array().is_some_and(|failed| failed.contains(&rule.into()));
        (flagged.iter().filter(fails).count() as f64, flagged.iter().filter(is_null).count() as f64)
    };
    let asked = stage.sh("callboard stats run flagged --format json");
    let read: Value = serde_json::from_str(&asked.stdout).unwrap();
    let thresholds = read["thresholds"].as_array().unwrap();
    assert_eq!(thresholds.len(), 26, "all rules with a threshold but one, of which two have two");
    let mut rules: Vec<&str> = thresholds.iter().map(|one| one["operand"].as_str().unwrap()).collect();
    rules.dedup();
    let mut seen = 0;
    for rule in rules {
        let of_rule = thresholds.iter().filter(|one| one["operand"] == rule);
        let dropped: f64 = of_rule
            .map(|one| {
                let all = one["thresholds"].as_array().unwrap();
                let current = all.iter().find(|threshold| threshold["current"] == true).unwrap();
                // Rows without a text are dropped by each.
                current["dropped"].as_f64().unwrap() * 400.0 - fails(rule).1
            })
            .sum();
        assert!((dropped - fails(rule).0).abs() < 1e-6, "{rule}: {dropped}, and {} fail it", fails(rule).0);
        seen += usize::from(dropped > 0.5);
    }
    assert!(seen > 12, "{seen} rules fail a text");
    // Gathered while the run went on, they are the same.
    let report: Value = serde_json::from_str(&fs::read_to_string(stage.folder.join("report.json")).unwrap()).unwrap();
    let steps = report["stages"][0]["steps"].as_array().unwrap();
    let kept = steps.iter().find(|step| step["name"] == "kept").unwrap();
    assert_eq!(kept["stats"]["thresholds"], read["thresholds"]);
    let table = stage.sh("callboard stats run kept").stdout;
    assert!(table.contains("gopher.words >= 20"), "{table}");
}
