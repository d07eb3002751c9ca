//! What a pipeline may take: more is refused at once, with its place, however little text it is made of.

use std::fmt::Write;

use callboard_plan::pipeline::TextLimits;
use callboard_plan::{Pipeline, Problems, Source};

fn refused(text: &str) -> String {
    problems(text).to_string()
}

fn problems(text: &str) -> Problems {
    Pipeline::parse(Source::new("p", text), &[]).unwrap_err()
}

const FRAME: &str = "[inputs.i]\npath = \"i.jsonl\"\n[outputs.o]\npath = \"o.jsonl\"\n";

/// 100 KB, 20,000 times: 2 GB of text from 0.4 MB.
#[test]
fn blocks_are_not_merged_without_end() {
    let word = "x".repeat(1 << 20);
    let mut text = format!("callboard = 1\n[like.long]\nuse = \"filter\"\nconfig.where = \"{word}\"\n");
    (0..100).for_each(|nth| text.push_str(&format!("[[steps]]\nname = \"s{nth}\"\nlike = \"long\"\n")));
    let problems = Pipeline::parse(Source::new("p", text), &[]).unwrap_err();
    let [problem] = &problems.problems[..] else { panic!("{problems}") };
    assert!(problem.message.contains("has more than 16 MiB"), "{problems}");
    assert!(problem.at.is_some_and(|at| at.line > 20), "{problems}");
}

#[test]
fn params_are_not_put_in_without_end() {
    let long = "x".repeat(100_000);
    let head =
        format!("callboard = 1\n{FRAME}[params]\na = \"{long}\"\nl = [\"{long}\"]\n[[steps]]\nuse = \"filter\"\n");
    let within_a_text = format!("{head}config.where = \"{}\"\n", "${params.a}".repeat(20_000));
    let whole = format!("{head}config.where = [{}]\n", "\"${params.l}\", ".repeat(20_000));
    for text in [within_a_text, whole] {
        let words = refused(&text);
        assert!(words.starts_with("p:11:"), "{}", &words[..200.min(words.len())]);
        assert!(words.contains("with its params put in, the pipeline has more than 16 MiB"), "{words}");
        assert!(words.len() < 1000);
    }
    let few = format!("{head}config.where = \"{}\"\n", "${params.a}".repeat(20));
    assert_eq!(
        Pipeline::parse(Source::new("p", few), &[]).unwrap().steps[0].config["where"].as_str().unwrap().len(),
        2_000_000
    );
}

/// Whoever runs a pipeline, not the file, says that it may be larger: as its help says, and no more than that.
#[test]
fn a_pipeline_may_be_as_large_as_its_user_says() {
    let remarks = "# a remark\n".repeat((5 << 20) / 11);
    let long = "x".repeat(100_000);
    let params = format!("[params]\na = \"{long}\"\n[[steps]]\nuse = \"filter\"\n");
    let text = format!("callboard = 1\n{FRAME}{params}config.where = \"{}\"\n{remarks}", "${params.a}".repeat(200));
    let within = |mib: u64| Pipeline::parse_within(Source::new("p", &*text), &[], TextLimits::of(mib << 20));
    let help = |problems: Problems| problems.problems[0].help.clone().unwrap();
    for problems in [problems(&text), within(4).unwrap_err()] {
        assert!(problems.to_string().contains("the pipeline has more than 4 MiB"));
        assert!(help(problems).ends_with("or allow it: `max_pipeline` = 64MiB"));
    }
    let problems = within(16).unwrap_err();
    assert!(problems.to_string().contains("with its params put in, the pipeline has more than 16 MiB"));
    assert!(help(problems).ends_with("or allow it: `max_pipeline` = 64MiB"));
    assert_eq!(within(64).unwrap().steps[0].config["where"].as_str().unwrap().len(), 20_000_000);
}

#[test]
fn a_pipeline_has_an_end() {
    let mut text = format!("callboard = 1\n{FRAME}");
    while text.len() <= 4 << 20 {
        text.push_str("# a remark that is of no use to anybody\n");
    }
    assert!(refused(&text).contains("the pipeline has more than 4 MiB"));
    let steps = format!("callboard = 1\n{FRAME}{}", "[[steps]]\nuse = \"a\"\n".repeat(100_000));
    assert!(refused(&steps).starts_with("p:1:1: the pipeline has more than 100000 inputs, steps and outputs"));
    let feeds = format!("callboard = 1\n{FRAME}from = [{}]\n", "\"i\", ".repeat(400_001));
    assert!(refused(&feeds).contains("names more than 400000 inputs and steps"));
}

/// A pipeline that is used as a step many times takes no more than it may, with its params put in.
#[test]
fn pipelines_that_are_steps_share_what_a_pipeline_may_take() {
    let long = "x".repeat(100_000);
    let step = "[[steps]]\nname = \"s\"\nuse = \"a\"\nconfig.where = [\"${params.a}\"]\n";
    let steps: String = (0..50).map(|nth| step.replace("\"s\"", &format!("\"s{nth}\""))).collect();
    let inner = format!("callboard = 1\n[params]\na = \"{long}\"\n[inputs.rows]\n{steps}[outputs.out]\n");
    let within = Ok(Source::new("./in.toml", inner));
    let expanded = |times: usize| {
        let uses = |nth: usize| format!("[[steps]]\nname = \"u{nth}\"\nuse = \"./in.toml\"\n");
        let text = format!("callboard = 1\n{FRAME}{}", (0..times).map(uses).collect::<String>());
        Pipeline::parse(Source::new("p", text), &[])
            .unwrap()
            .expanded(|step| (*step.uses == "./in.toml").then_some(&within), TextLimits::default())
    };
    assert_eq!(expanded(2).unwrap().steps.len(), 100);
    let words = expanded(100).unwrap_err().to_string();
    assert!(words.contains("with its params put in, the pipeline has more than"), "{words}");
}

/// Names and values of any length, and nesting, are shown in part, and have their places.
#[test]
fn what_is_long_or_deep_is_refused_in_few_words() {
    let long = "k".repeat(1_000_000);
    let mut cases = vec![format!("callboard = 1\n{long} = 1\n"), format!("callboard = 1\n[params]\n\"{long} \" = 1\n")];
    for (open, close) in [("[", "]"), ("{a = ", "}")] {
        cases.push(format!("callboard = 1\nx = {}1{}\n", open.repeat(100_000), close.repeat(100_000)));
    }
    cases.push(format!("{{\"callboard\": 1, \"x\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000)));
    cases.push(format!("callboard = 1\nx{} = 1\n", ".a".repeat(100_000)));
    // Each key of a configuration has all keys above it in its pointer.
    let mut wide = format!("callboard = 1\n{FRAME}[[steps]]\nuse = \"a\"\n[steps.config.{long}]\n");
    (0..50_000).for_each(|n| writeln!(wide, "k{n} = 1").unwrap());
    assert!(Pipeline::parse(Source::new("p", &*wide), &[]).is_ok());
    for text in cases {
        let problems = problems(&text);
        assert!(problems.to_string().len() < 20_000);
        assert!(problems.problems.iter().all(|problem| problem.at.is_some()), "{:.300}", problems.to_string());
    }
}

#[test]
fn what_is_not_utf8_has_a_place() {
    let at = |bytes: &[u8]| Source::from_bytes("p", bytes).unwrap_err().to_string();
    let words = at(b"callboard = 1\n# caf\xe9\n");
    assert_eq!(
        words,
        "p:2:6: the file is not UTF-8: found the byte 0xe9\n  help: save it as UTF-8; in Latin-1 this byte is `\u{e9}`"
    );
    assert!(at(b"\xff\xfec\0a\0").starts_with("p:1:1: the file is UTF-16"));
    assert!(at(b"a = \"\xe2\x82").starts_with("p:1:6: the file is not UTF-8"), "cut off");
    // A mark of the byte order is no part of the text, in either syntax, and moves no place.
    for (text, place) in
        [("callboard = 1\nx = 1\n", "p:2:1"), ("{\"callboard\": 1,\n\"x\": 1}", "p:2:1"), ("callboard = x", "p:1:13")]
    {
        for text in [text.to_owned(), format!("\u{feff}{text}")] {
            assert!(refused(&text).starts_with(place), "{}", refused(&text));
        }
    }
}
