//! Branches that part and are joined again, row by row: what is joined is what a plain join by the row's number gives, however it is run.

use std::collections::{BTreeMap, BTreeSet};

use callboard_runtime::{CancellationToken, Class, Event, Report};
use serde_json::{Value, json};

use crate::bench::{Bench, lines, step, use_step, wired};

const ROWS: u64 = 200;

fn bench() -> Bench {
    let bench = Bench::new();
    let row =
        |id: u64| json!({ "id": id, "text": format!("row {id}"), "n": id % 7, "list": vec!["x"; (id % 4) as usize] });
    bench.put("docs.jsonl", lines((0..ROWS).map(row)));
    bench
}

fn adds_up(report: &Report) {
    for step in report.stages.iter().flat_map(|stage| &stage.steps) {
        assert!(step.adds_up, "{step:?}");
    }
}

fn batches(rows: u64) -> String {
    format!("[run]\nbatch_rows = {rows}\n")
}

fn compute(name: &str, from: &str, set: &str) -> String {
    use_step(name, "compute", &format!("from = {from}\nconfig = {{ set = {{ {set} }} }}"))
}

/// Three branches: one drops rows, one rejects some, one takes only those of a route. `text` is carried, `mark` is written by two.
fn three(from: &str) -> String {
    let steps = [
        use_step("kept", "filter", "from = \"docs\"\nconfig = { where = \"n != 3\" }"),
        compute("a", "\"kept\"", "mark = \"id * 2\""),
        compute("b", "\"docs\"", "mark = \"id * 3\""),
        use_step(
            "picky",
            "picky",
            "from = \"b\"\non_error = \"reject\"\nconfig = { reject = [\"row 5\", \"row 77\"], drop = [\"row 6\"], mark = \"seen\" }\ncolumns = { mark = \"seen\" }",
        ),
        compute("c", "{ step = \"docs\", where = \"n < 2\" }", "small = \"true\""),
        use_step("zipped", "echo", &format!("from = {from}")),
    ];
    wired(&["docs"], &[("all", "from = \"zipped\"")], &steps.concat())
}

fn of_three(id: u64) -> Option<Value> {
    let n = id % 7;
    let a = (n != 3).then_some(json!(id * 2));
    let b = (![5, 77, 6].contains(&id)).then_some(json!(id * 3));
    let c = (n < 2).then_some(json!(true));
    (a.is_some() || b.is_some() || c.is_some()).then(|| {
        let seen = b.is_some().then_some("seen");
        json!({ "id": id, "text": format!("row {id}"), "n": n, "list": vec!["x"; (id % 4) as usize],
                "a": a, "b": b, "small": c, "seen": seen })
    })
}

#[test]
fn rows_of_one_origin_become_one_row_and_what_is_missing_is_null() {
    let bench = bench();
    let suffixed = three("{ zip = [\"a\", \"picky\", \"c\"], same = \"suffix\" }");
    for rows in [1, 7, 8192] {
        let report = bench.pipeline(suffixed.clone() + &batches(rows)).overwrite().report();
        adds_up(&report);
        let expected = (0..ROWS).filter_map(of_three).map(|row| {
            json!({ "id": row["id"], "text": row["text"], "n": row["n"], "list": row["list"], "mark_a": row["a"],
                    "mark_picky": row["b"], "seen": row["seen"], "small": row["small"] })
        });
        assert_eq!(bench.rows("all.jsonl"), expected.collect::<Vec<_>>(), "{rows}");
        // No step and no stage of its own, and nothing was kept in a file.
        assert_eq!(report.stages.len(), 1);
        assert_eq!(report.stages[0].spilled_bytes, 0);
        let zipped = &step(&report, "zipped").zipped;
        assert_eq!((zipped["picky"].rows, zipped["picky"].absent), (197, 3));
        assert_eq!(zipped["c"].rows + zipped["c"].absent, step(&report, "zipped").rows_in);
    }
    let listed = three("{ zip = { one = \"a\", two = \"picky\", three = \"c\" }, same = \"list\" }");
    bench.pipeline(listed.clone()).overwrite().report();
    let expected: Vec<Value> = (0..ROWS).filter_map(of_three).map(|row| json!([row["a"], row["b"]])).collect();
    assert_eq!(bench.column("all.jsonl", "mark"), expected);
    let skipped = listed.replace("same = \"list\"", "same = \"list\", absent = \"skip\"");
    bench.pipeline(skipped).overwrite().report();
    let there = |row: Value| [&row["a"], &row["b"]].into_iter().filter(|mark| !mark.is_null()).cloned().collect();
    let expected: Vec<Value> = (0..ROWS).filter_map(of_three).map(there).collect();
    assert_eq!(bench.column("all.jsonl", "mark"), expected);
    // The rejects show what their step was given, and nothing that the host adds.
    let error = bench.pipeline(three("{ zip = [\"a\", \"picky\", \"c\"] }")).overwrite().error();
    assert_eq!(error.class, Class::Pipeline);
    assert!(error.to_string().contains("a column `mark` of its own in each of `a`, `picky`"), "{error}");
}

#[test]
fn what_the_host_adds_is_seen_by_nobody() {
    let bench = bench();
    let text = three("{ zip = [\"a\", \"picky\", \"c\"], same = \"suffix\" }");
    let outputs = "[outputs.door]\npath = \"door.arrow\"\nfrom = \"picky.rejected\"\n[outputs.fork]\npath = \"fork.jsonl\"\nfrom = \"docs\"\n";
    let report = bench.pipeline(text + outputs).report();
    let rejects = std::fs::read_to_string(&report.rejects.path).unwrap();
    let first: Value = serde_json::from_str(rejects.lines().next().unwrap()).unwrap();
    assert_eq!(first["row"], json!({ "id": 5, "text": "row 5", "n": 5, "list": ["x"], "mark": 15 }));
    assert!(!String::from_utf8_lossy(&bench.bytes("door.arrow")).contains("row of "));
    assert_eq!(bench.rows("fork.jsonl")[9], json!({ "id": 9, "text": "row 9", "n": 2, "list": ["x"] }));
    // Nor may anything look like it.
    bench.put("docs.jsonl", json!({ "\0row of docs": 1, "text": "a" }).to_string());
    let error = bench.pipeline(crate::bench::straight(&use_step("echo", "echo", ""))).overwrite().error();
    assert!(error.to_string().contains("the host keeps such names for itself"), "{error}");
}

/// Branches by chance, by doors, in several stages, of a global step, in zips within zips.
fn all_shapes() -> String {
    let share = |name: &str| compute(name, "{ step = \"docs\", one_of = 3, pick = 2, seed = 4 }", "by = \"id + n\"");
    let steps = [
        share("x"),
        share("y"),
        share("z"),
        use_step(
            "models",
            "filter",
            "from = { zip = [\"x\", \"y\", \"z\"], same = \"list\" }\nconfig = { where = \"true\" }",
        ),
        use_step("keep", "filter", "from = \"models\"\nconfig = { where = \"n > 2\" }"),
        compute("low", "\"keep.dropped\"", "part = \"'low'\""),
        compute("high", "{ step = \"keep\", where = \"n > 4\" }", "part = \"'high'\""),
        compute("parts", "{ zip = [\"low\", \"high\", \"models\"], same = \"list\" }", "whole = \"1\""),
        use_step(
            "plain",
            "select",
            "from = \"parts\"\nconfig = { drop = [\"_reason\", \"_step\", \"_input\", \"_file\", \"_line\"] }",
        ),
        use_step("dedup", "exact-dedup", "from = \"plain\"\nconfig = { columns = [\"n\", \"part\"] }"),
        use_step("late", "echo", "from = { zip = [\"dedup\", \"x\", \"dedup.dropped\"], same = \"suffix\" }"),
    ];
    let outputs = [
        ("late", "from = \"late\""),
        ("models", "from = \"models\""),
        ("inner", "from = { zip = [\"parts\", \"docs\"], same = \"suffix\" }"),
    ];
    wired(&["docs"], &outputs, &steps.concat())
}

#[test]
fn zips_are_the_same_however_they_are_run() {
    let bench = bench();
    let outputs = ["late.jsonl", "models.jsonl", "inner.jsonl"];
    let read = || outputs.map(|name| std::fs::read(bench.path(name)).unwrap());
    let report = bench.pipeline(all_shapes() + &batches(13)).report();
    adds_up(&report);
    let wanted = read();
    // Each row is in two of three branches, and in each zip once.
    let models = bench.rows("models.jsonl");
    assert_eq!(models.len() as u64, ROWS);
    assert!(models.iter().all(|row| row["by"].as_array().unwrap().iter().filter(|by| by.is_null()).count() == 1));
    assert_eq!(bench.column("late.jsonl", "id"), (0..ROWS).map(Value::from).collect::<Vec<_>>());
    let dropped = bench.rows("late.jsonl").iter().filter(|row| !row["_reason"].is_null()).count();
    assert!(dropped > 150 && dropped < 200, "{dropped}");
    for row in bench.rows("inner.jsonl") {
        let n = row["n"].as_u64().unwrap();
        let part = |is: bool, name: &str| if is { json!(name) } else { Value::Null };
        assert_eq!(row["part"], json!([part(n <= 2, "low"), part(n > 4, "high")]), "{row}");
    }
    for (rows, replicas, load) in [(1, 1, ""), (64, 3, ""), (8192, 2, ""), (13, 2, "load_groups = \"step\"\n")] {
        let text = all_shapes() + &batches(rows) + &format!("replicas = {replicas}\n{load}");
        let report = bench.pipeline(text).overwrite().report();
        adds_up(&report);
        assert_eq!(read(), wanted, "batches of {rows}");
    }
    bench.pipeline(all_shapes() + &batches(13)).budget(3 << 30).overwrite().report();
    assert_eq!(read(), wanted);
    for stage in 1..=3 {
        outputs.iter().for_each(|name| std::fs::remove_file(bench.path(name)).unwrap());
        let cancel = CancellationToken::new();
        let on_event = cancel.clone();
        let ended = bench.pipeline(all_shapes() + &batches(13)).cancel(cancel).listen(move |event| {
            if matches!(event, Event::Loaded { stage: loaded, .. } if *loaded == stage) {
                on_event.cancel();
            }
        });
        let ended = ended.end();
        let folder = ended.run_folder.clone();
        assert_eq!(ended.error().class, Class::Interrupted);
        let report = bench.resume(&folder).report();
        assert_eq!(read(), wanted, "interrupted in stage {stage}");
        adds_up(&report);
    }
}

/// A branch that repeats a row: the k-th stands beside the k-th, and a branch that has it once has it beside all of them.
#[test]
fn rows_that_a_branch_repeats_stand_beside_each_other() {
    let bench = bench();
    let explode = |name: &str, from: &str| {
        use_step(name, "explode", &format!("from = \"{from}\"\nconfig = {{ column = \"list\", as = \"{name}\" }}"))
    };
    let steps = [
        explode("a", "docs"),
        use_step("odd", "filter", "from = \"docs\"\nconfig = { where = \"id % 2 == 1\" }"),
        explode("b", "odd"),
        compute("c", "\"docs\"", "c = \"id\""),
        use_step("zipped", "echo", "from = { zip = [\"a\", \"b\", \"c\"] }"),
    ];
    let text = wired(&["docs"], &[("all", "from = \"zipped\"")], &steps.concat());
    let mut expected = Vec::new();
    for id in 0..ROWS {
        for _ in 0..(id % 4).max(1) {
            let a = (id % 4 > 0).then_some("x");
            let b = a.filter(|_| id % 2 == 1);
            expected.push(json!([id, a, b, id]));
        }
    }
    for (rows, load) in [(1, ""), (10, ""), (8192, ""), (10, "load_groups = \"step\"\n")] {
        let report = bench.pipeline(text.clone() + &batches(rows) + load).overwrite().report();
        adds_up(&report);
        let all = bench.rows("all.jsonl");
        let read: Vec<Value> = all.iter().map(|row| json!([row["id"], row["a"], row["b"], row["c"]])).collect();
        assert_eq!(read, expected, "{rows} {load}");
    }
}

/// A branch of which nothing is left, for many batches, keeps nobody waiting.
#[test]
fn a_branch_that_drops_all_rows_is_no_deadlock() {
    let bench = bench();
    let steps = [
        use_step("none", "filter", "from = \"docs\"\nconfig = { where = \"id < 0\" }"),
        compute("behind", "\"none\"", "x = \"id\""),
        use_step("last", "filter", "from = \"docs\"\nconfig = { where = \"id == 199\" }"),
        use_step(
            "inner",
            "filter",
            "from = { zip = [\"behind\", \"last\", \"docs\"] }\nconfig = { where = \"id > 190\" }",
        ),
        compute("after", "\"inner.dropped\"", "y = \"id\""),
        use_step("zipped", "filter", "from = { zip = [\"inner\", \"after\"] }\nconfig = { where = \"true\" }"),
    ];
    let text = wired(&["docs"], &[("all", "from = { zip = [\"zipped\", \"docs\"] }")], &steps.concat());
    for replicas in [1, 3] {
        let run = batches(1) + &format!("replicas = {replicas}\n");
        let report = bench.pipeline(text.clone() + &run).overwrite().report();
        adds_up(&report);
        let rows: Vec<Value> =
            bench.rows("all.jsonl").iter().map(|row| json!([row["id"], row["x"], row["y"]])).collect();
        let expected: Vec<Value> =
            (0..ROWS).map(|id| json!([id, null, if id > 190 { Value::Null } else { json!(id) }])).collect();
        assert_eq!(rows, expected);
    }
}

#[test]
fn a_row_that_a_step_made_cannot_be_zipped_and_a_step_that_carries_nothing_neither() {
    let bench = bench();
    let steps = [
        use_step("count", "aggregate", "from = \"docs\"\nconfig = { by = [], figures = { rows = \"count\" } }"),
        use_step("zipped", "echo", "from = { zip = [\"docs\", \"count\"] }"),
    ];
    let error = bench.pipeline(wired(&["docs"], &[("all", "from = \"zipped\"")], &steps.concat())).error();
    assert!(error.to_string().contains("passes on no column of its input"), "{error}");
}

/// Rows by their ids, and what each column holds: those of one number are the same wherever they are.
#[derive(Clone)]
struct Table {
    columns: Vec<(String, usize)>,
    rows: BTreeMap<u64, BTreeMap<String, Value>>,
}

/// A pipeline of random filters, computed columns, routes and zips, and what each of its steps puts out, found row by row.
struct Drawn {
    steps: String,
    tables: Vec<(String, Table)>,
    held: usize,
    chance: u64,
}

impl Drawn {
    fn random(&mut self, below: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % below
    }

    fn fresh(&mut self) -> usize {
        self.held += 1;
        self.held
    }

    /// A feed, as `from` names it, and its rows.
    fn feed(&mut self) -> (String, String, Table) {
        let nth = self.random(self.tables.len() as u64) as usize;
        let (name, mut table) = self.tables[nth].clone();
        if self.random(4) > 0 {
            return (format!("\"{name}\""), name, table);
        }
        let (by, of) = (2 + self.random(3), self.random(2));
        table.rows.retain(|id, _| id % by == of);
        (format!("{{ step = \"{name}\", where = \"id % {by} == {of}\" }}"), name, table)
    }

    fn step(&mut self, nth: usize) {
        let name = format!("s{nth}");
        match self.random(5) {
            0 => {
                let (from, _, mut table) = self.feed();
                let (by, of) = (1 + self.random(4), self.random(3));
                self.steps +=
                    &use_step(&name, "filter", &format!("from = {from}\nconfig = {{ where = \"id % {by} != {of}\" }}"));
                let mut dropped = table.clone();
                table.rows.retain(|id, _| id % by != of);
                dropped.rows.retain(|id, _| id % by == of);
                for column in ["_reason", "_step", "_input", "_file", "_line"] {
                    let held = self.fresh();
                    dropped.columns.push((column.to_owned(), held));
                }
                let has_door = dropped.columns.iter().filter(|(column, _)| column.starts_with("_reason")).count() == 1;
                self.tables.push((name.clone(), table));
                if has_door {
                    for (id, row) in &mut dropped.rows {
                        row.insert("_reason".to_owned(), Value::Null);
                        row.insert("_step".to_owned(), json!(name));
                        row.insert("_input".to_owned(), json!("docs"));
                        row.insert("_file".to_owned(), Value::Null);
                        row.insert("_line".to_owned(), json!(id + 1));
                    }
                    self.tables.push((format!("{name}.dropped"), dropped));
                }
            }
            1 | 2 => {
                let (from, _, mut table) = self.feed();
                let batch = if self.random(2) == 0 {
                    format!("batch = {{ rows = {} }}\n", 1 + self.random(9))
                } else {
                    String::new()
                };
                let set = format!("config = {{ set = {{ c{nth} = \"id * {nth}\" }} }}");
                self.steps += &use_step(&name, "compute", &format!("from = {from}\n{batch}{set}"));
                let held = self.fresh();
                table.columns.push((format!("c{nth}"), held));
                table.rows.iter_mut().for_each(|(id, row)| drop(row.insert(format!("c{nth}"), json!(id * nth as u64))));
                self.tables.push((name, table));
            }
            _ => {
                let count = 2 + self.random(2);
                let branches: Vec<_> = (0..count).map(|_| self.feed()).collect();
                if (0..branches.len()).any(|at| branches[..at].iter().any(|before| before.1 == branches[at].1)) {
                    return self.step(nth);
                }
                let list = branches.iter().map(|(from, ..)| from.clone()).collect::<Vec<_>>().join(", ");
                let table = self.zipped(&branches);
                self.steps += &use_step(
                    &name,
                    "filter",
                    &format!("from = {{ zip = [{list}], same = \"suffix\" }}\nconfig = {{ where = \"true\" }}"),
                );
                self.tables.push((name, table));
            }
        }
    }

    fn zipped(&mut self, branches: &[(String, String, Table)]) -> Table {
        let mut names: Vec<String> = Vec::new();
        for (column, _) in branches.iter().flat_map(|(.., table)| &table.columns) {
            if !names.contains(column) {
                names.push(column.clone());
            }
        }
        let held =
            |table: &Table, name: &str| table.columns.iter().find(|(column, _)| column == name).map(|(_, held)| *held);
        let ids: BTreeSet<u64> = branches.iter().flat_map(|(.., table)| table.rows.keys().copied()).collect();
        let mut table = Table { columns: Vec::new(), rows: ids.iter().map(|id| (*id, BTreeMap::new())).collect() };
        for name in names {
            let of: Vec<_> = branches.iter().filter(|(.., table)| held(table, &name).is_some()).collect();
            let one = of.iter().all(|(.., table)| held(table, &name) == held(&of[0].2, &name));
            let groups = if one {
                vec![(name.clone(), of.clone())]
            } else {
                of.iter().map(|branch| (format!("{name}_{}", branch.1.replace('.', "_")), vec![*branch])).collect()
            };
            for (called, of) in groups {
                let number = match held(&of[0].2, &name) {
                    Some(number) if of.len() == branches.len() => number,
                    _ => self.fresh(),
                };
                table.columns.push((called.clone(), number));
                for (id, row) in &mut table.rows {
                    let value = of.iter().find_map(|(.., table)| table.rows.get(id).map(|row| row[&name].clone()));
                    row.insert(called.clone(), value.unwrap_or_default());
                }
            }
        }
        table
    }
}

/// What random pipelines write is what joining by the number of the row gives, whatever batches there are, and with each step alone.
#[test]
fn random_pipelines_write_what_joins_by_number_give() {
    let bench = Bench::new();
    bench.put("docs.jsonl", lines((0..40).map(|id| json!({ "id": id }))));
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
    let mut zips = 0;
    for case in 0..40 {
        let docs = Table {
            columns: vec![("id".to_owned(), 0)],
            rows: (0..40).map(|id| (id, BTreeMap::from([("id".to_owned(), json!(id))]))).collect(),
        };
        let mut drawn = Drawn {
            steps: String::new(),
            tables: vec![("docs".to_owned(), docs)],
            held: 0,
            chance: seed * 1000 + case,
        };
        (0..8).for_each(|nth| drawn.step(nth));
        let names: Vec<String> = drawn.tables.iter().map(|(name, _)| name.clone()).collect();
        let outputs: Vec<(String, String)> = names
            .iter()
            .map(|name| (format!("out_{}", name.replace('.', "_")), format!("from = \"{name}\"")))
            .collect();
        let outputs: Vec<(&str, &str)> = outputs.iter().map(|(name, from)| (name.as_str(), from.as_str())).collect();
        let text = wired(&["docs"], &outputs, &drawn.steps);
        let runs =
            ["batch_rows = 1\n", "batch_rows = 7\nreplicas = 2\n", "", "batch_rows = 3\nload_groups = \"step\"\n"];
        for run in &runs[..if case % 4 == 0 { 4 } else { 2 }] {
            let end = bench.pipeline(format!("{text}[run]\n{run}")).overwrite().end();
            let report = end.report();
            adds_up(&report);
            zips += report.stages.iter().flat_map(|stage| &stage.steps).filter(|step| !step.zipped.is_empty()).count();
            for (name, table) in &drawn.tables {
                let mut rows = bench.rows(&format!("out_{}.jsonl", name.replace('.', "_")));
                for row in &mut rows {
                    let columns = row.as_object_mut().unwrap().iter_mut();
                    // These are for people.
                    let told = |column: &str| column.starts_with("_file") || column.starts_with("_reason");
                    columns.filter(|(column, _)| told(column)).for_each(|(_, value)| *value = Value::Null);
                }
                let expected: Vec<Value> = table.rows.values().map(|row| json!(row)).collect();
                assert_eq!(rows, expected, "`{name}` of case {case} with {run:?}:\n{text}");
            }
        }
    }
    assert!(zips > 100, "{zips}");
}
