//! The bundled steps whose rows are brought together: the same bytes however they are cut and worked on, and the same rows as
//! DuckDB has.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::bench::{Bench, lines, wired};

const MIB: u64 = 1 << 20;

/// A pipeline with one step, whose dropped rows are an output, too.
fn pipeline(step: &str, from: &str, rest: &str) -> String {
    let right = if from.contains("right") { "[inputs.right]\npath = \"right.jsonl\"\n" } else { "" };
    format!(
        "callboard = 1\n[inputs.left]\npath = \"left.jsonl\"\n{right}\
         [[steps]]\nname = \"step\"\nuse = \"guests/{step}.wasm\"\nfrom = {from}\n{rest}\n\
         [outputs.out]\nfrom = \"step\"\npath = \"out.jsonl\"\n[outputs.dropped]\nfrom = \"step.dropped\"\npath = \"dropped.jsonl\"\n"
    )
}

/// Pseudo-random numbers, the same in every run.
fn random(n: usize) -> usize {
    ((n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as usize
}

/// Rows of some 300 bytes; a third of them have the same key.
fn rows(count: usize, seed: usize) -> String {
    lines((0..count).map(|id| {
        let at = random(id * 7 + seed);
        let key = match at % 6 {
            0 | 1 => json!("often"),
            2 => Value::Null,
            _ => json!(format!("key {}", at / 6 % 9_000)),
        };
        let x = [json!(null), json!(0.0), json!(-0.0), json!(2.5), json!(-1e300)][at / 11 % 5].clone();
        json!({ "id": id, "key": key, "n": at / 7 % 1_000, "x": x, "text": format!("{at} ").repeat(24) })
    }))
}

#[test]
fn parts_replicas_batches_and_budgets_change_no_byte() {
    let bench = Bench::new();
    bench.put("left.jsonl", rows(40_000, 1));
    bench.put("right.jsonl", rows(9_000, 5).replace("often", "seldom"));
    let (one, two) = ("\"left\"", "{ left = \"left\", right = \"right\" }");
    let figures = "n = \"count\", sum = { sum = \"n\" }, longest = { max = \"text\" }, mean = { mean = \"x\" }, ids = { list = \"id\" }";
    let beside = "n = \"count\", least = { min = \"x\" }, first = { first = \"id\" }";
    let cases = [
        ("sort", one, "config = { by = [{ column = \"x\", descending = true }, \"text\"] }".to_owned()),
        ("sort", one, "config = { by = [\"text\"], per = [\"key\"], top = 3 }".to_owned()),
        ("exact-dedup", two, "config = { columns = [\"key\"], keep = \"last\" }".to_owned()),
        ("exact-dedup", one, "config = { columns = [\"key\", \"x\"], keep = { max = \"text\" } }".to_owned()),
        ("sample", one, "config = { fraction = 0.3, by = [\"key\"], seed = 7 }".to_owned()),
        ("sample", one, "config = { rows = 50, by = \"x\", weight = \"n\" }".to_owned()),
        ("aggregate", one, format!("config = {{ by = [\"key\"], figures = {{ {figures} }} }}")),
        ("aggregate", one, format!("config = {{ by = [\"x\"], beside = true, figures = {{ {beside} }} }}")),
        ("join", two, "config = { on = [\"key\"], how = \"left\", columns = [\"id\", \"text\"] }".to_owned()),
        ("join", two, "config = { on = [\"key\"], how = \"anti\", nulls_equal = true }".to_owned()),
    ];
    for (step, from, config) in cases {
        let mut first: Option<(Vec<u8>, Vec<u8>)> = None;
        for (replicas, batch_rows, budget) in [(1, 1_000, None), (3, 313, None), (2, 5_000, Some(64 * MIB))] {
            let rest = format!("{config}\nreplicas = {replicas}\n[run]\nbatch_rows = {batch_rows}\n");
            let run = bench.pipeline(pipeline(step, from, &rest)).overwrite();
            let report = match budget {
                Some(bytes) => run.budget(bytes).report(),
                None => run.report(),
            };
            assert_eq!(report.stages.iter().flat_map(|stage| &stage.steps).count(), 1);
            let got = (bench.bytes("out.jsonl"), bench.bytes("dropped.jsonl"));
            let wanted = first.get_or_insert_with(|| got.clone());
            assert!(!got.0.is_empty(), "{step} {config}: nothing came out");
            assert!(*wanted == got, "{step} {config}: {replicas} replicas, batches of {batch_rows}, budget {budget:?}");
        }
    }
}

/// With a `key`, `exact-dedup` is a pipeline: texts are equal in what it says, and go on as they are.
#[test]
fn texts_are_equal_in_what_a_key_says() {
    let bench = Bench::new();
    bench.put_bundled_pipeline("exact-dedup");
    let texts = [Some("Hello, World"), Some("hello   WORLD!"), Some("x"), None, Some("12"), Some("13"), None];
    let row = |(id, text): (usize, &Option<&str>)| json!({ "id": id, "n": id % 5, "text": text });
    bench.put("docs.jsonl", lines(texts.iter().enumerate().map(row)));
    bench.put("known.jsonl", lines([json!({ "text": "X" }), json!({ "text": "14" })]));
    let run = |from: &str, config: &str| {
        let step = format!(
            "[[steps]]\nname = \"dedup\"\nuse = \"./exact-dedup.toml\"\nfrom = {from}\nconfig = {{ {config} }}\n"
        );
        let outputs = [("out", ""), ("dropped", "from = \"dedup.dropped\"")];
        bench.pipeline(wired(&["docs", "known"], &outputs, &step)).overwrite().report();
        let kept: Vec<_> = bench.rows("out.jsonl").iter().map(|row| row["id"].as_u64().unwrap()).collect();
        let dropped = bench.rows("dropped.jsonl");
        (kept, dropped.iter().map(|row| (row["id"].as_u64().unwrap(), row["_reason"].clone())).collect::<Vec<_>>())
    };
    let known = "{ rows = \"docs\", known = \"known\" }";
    let all = "key = { lowercase = true, letters_only = true }";
    let (duplicate, is_known) = (json!("duplicate"), json!("known"));
    let gone = vec![(1, duplicate.clone()), (2, is_known), (6, duplicate.clone())];
    assert_eq!(run(known, all), (vec![0, 3, 4, 5], gone));
    assert_eq!(bench.rows("out.jsonl")[0], json!({ "id": 0, "n": 0, "text": "Hello, World" }));
    let (kept, gone) = run(known, &format!("keep = \"last\", {all}"));
    assert_eq!((kept, gone.len()), (vec![1, 4, 5, 6], 3));
}

/// Python with DuckDB, if it is there.
#[allow(clippy::print_stderr, reason = "a comparison that is skipped is not silent")]
fn duckdb() -> Option<String> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import duckdb"]).output().is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("SKIPPED: `{python}` has no DuckDB, so what the steps do was not compared with it: set PYTHON=PATH");
    }
    has.then_some(python)
}

fn script(python: &str, verb: &str, folder: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/runtime/gathered.py");
    Command::new(python).arg(script).arg(verb).arg(folder).output().unwrap()
}

#[test]
fn groups_joins_and_distinct_rows_are_those_of_duckdb() {
    let Some(python) = duckdb() else { return };
    let bench = Bench::new();
    let made = script(&python, "make", &bench.path(""));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut pipeline =
        "callboard = 1\n[inputs.left]\npath = \"left.parquet\"\n[inputs.right]\npath = \"right.parquet\"\n".to_owned();
    let mut cases = Vec::new();
    let mut case = |step: &str, from: &str, config: &str, got: &str, wanted: &str| {
        let name = format!("case-{}", cases.len());
        pipeline += &format!(
            "[[steps]]\nname = \"{name}\"\nuse = \"guests/{step}.wasm\"\nfrom = {from}\nconfig = {{ {config} }}\n\
             [outputs.{name}]\nfrom = \"{name}\"\npath = \"{name}.parquet\"\n"
        );
        cases.push(json!([format!("{step} {config}"), format!("SELECT {got} FROM '{name}.parquet'"), wanted]));
    };
    let (one, two) = ("\"left\"", "{ left = \"left\", right = \"right\" }");
    for key in ["text", "float", "list", "struct", "day", "text, float"] {
        let names: Vec<String> = key.split(", ").map(|name| format!("\"{name}\"")).collect();
        let names = names.join(", ");
        case(
            "aggregate",
            one,
            &format!(
                "by = [{names}], figures = {{ rows = \"count\", ns = {{ count = \"n\" }}, sum = {{ sum = \"n\" }}, \
                 least = {{ min = \"x\" }}, most = {{ max = \"x\" }}, word = {{ max = \"text\" }}, latest = {{ max = \"day\" }}, \
                 cash = {{ sum = \"money\" }}, mean = {{ mean = \"n\" }}, one = {{ first = \"n\" }}, ids = {{ list = \"id\" }} }}"
            ),
            "\"rows\", ns, sum, least, most, word, latest, cash, round(mean, 6), one, ids",
            &format!(
                "SELECT count(*), count(n), sum(n)::BIGINT, min(x), max(x), max(text), max(day), sum(money), \
                 round(avg(n), 6), first(n ORDER BY id), list(id ORDER BY id) FROM 'left.parquet' GROUP BY {key} ORDER BY min(id)"
            ),
        );
        case(
            "aggregate",
            one,
            &format!("by = [{names}], beside = true, figures = {{ all = {{ sum = \"n\" }} }}"),
            "id, \"all\"",
            &format!("SELECT id, (sum(n) OVER (PARTITION BY {key}))::BIGINT FROM 'left.parquet' ORDER BY id"),
        );
        for (keep, order) in
            [("\"first\"", "id"), ("\"last\"", "id DESC"), ("{ max = \"n\" }", "n DESC NULLS LAST, id")]
        {
            case(
                "exact-dedup",
                one,
                &format!("columns = [{names}], keep = {keep}"),
                "id",
                &format!(
                    "SELECT id FROM (SELECT DISTINCT ON ({key}) id FROM 'left.parquet' ORDER BY {order}) ORDER BY id"
                ),
            );
        }
        let same = |how: &str| {
            key.split(", ").map(|name| format!("l.{name} {how} r.{name}")).collect::<Vec<_>>().join(" AND ")
        };
        case(
            "exact-dedup",
            two,
            &format!("columns = [{names}]"),
            "id",
            &format!(
                "SELECT id FROM (SELECT DISTINCT ON ({key}) * FROM 'left.parquet' ORDER BY id) l WHERE NOT EXISTS \
                 (FROM 'right.parquet' r WHERE {}) ORDER BY id",
                same("IS NOT DISTINCT FROM")
            ),
        );
        for (how, join) in [("inner", "JOIN"), ("left", "LEFT JOIN"), ("semi", "SEMI JOIN"), ("anti", "ANTI JOIN")] {
            let beside = matches!(how, "inner" | "left");
            let columns = if beside { ", columns = [\"id\", \"struct\"]" } else { "" };
            let (got, wanted) = match beside {
                true => ("id, id_right, struct_right", "l.id, r.id, r.struct"),
                false => ("id", "l.id"),
            };
            let order = if beside { "l.id, r.id" } else { "l.id" };
            for (equal, nulls) in [("=", false), ("IS NOT DISTINCT FROM", true)] {
                case(
                    "join",
                    two,
                    &format!("on = [{names}], how = \"{how}\"{columns}, nulls_equal = {nulls}"),
                    got,
                    &format!(
                        "SELECT {wanted} FROM 'left.parquet' l {join} 'right.parquet' r ON {} ORDER BY {order}",
                        same(equal)
                    ),
                );
            }
        }
        case(
            "sort",
            one,
            &format!("by = [{{ column = \"x\", descending = true }}, \"text\"], per = [{names}], top = 2"),
            "id",
            &format!(
                "SELECT id FROM (SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY x DESC NULLS LAST, text NULLS LAST, id) \
                 AS place, min(id) OVER (PARTITION BY {key}) AS start FROM 'left.parquet') WHERE place <= 2 ORDER BY start, place"
            ),
        );
    }
    for (by, order) in [
        ("\"x\", \"text\"", "x NULLS LAST, text NULLS LAST"),
        ("{ column = \"money\", descending = true }, \"day\"", "money DESC, day"),
        ("{ column = \"float\", nulls = \"first\" }", "float NULLS FIRST"),
    ] {
        let wanted = format!("SELECT id FROM 'left.parquet' ORDER BY {order}, id");
        case("sort", one, &format!("by = [{by}]"), "id", &wanted);
        case("sort", one, &format!("by = [{by}], top = 100"), "id", &format!("{wanted} LIMIT 100"));
    }
    bench.put("cases.json", json!(cases).to_string());
    bench.pipeline(pipeline).report();
    let checked = script(&python, "check", &bench.path(""));
    let (said, failed) = (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    assert!(checked.status.success(), "{said}{failed}");
}
