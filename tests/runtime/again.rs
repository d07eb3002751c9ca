//! Work is not done twice: what an earlier run did on the same rows in the same way is taken over, and nothing else is.

use std::collections::BTreeSet;

use callboard_runtime::Report;

use crate::bench::{Bench, lines, step, straight, use_step};

/// Five steps: two, a global one, two.
fn five(last: &str) -> String {
    let step = |name: &str, config: &str| use_step(name, "picky", &format!("config = {{ {config} }}"));
    let renamed = |name: &str, config: &str| {
        use_step(name, "picky", &format!("config = {{ {config} }}\ncolumns = {{ mark = \"{name}\" }}"))
    };
    straight(&format!(
        "{}{}{}{}{}[run]\nbatch_rows = 10\n",
        step("first", "drop = [\"row 3\"]"),
        renamed("second", "mark = \"b\""),
        use_step("third", "exact-dedup", "config = { columns = [\"text\"] }"),
        renamed("fourth", "omit = [\"row 5\", \"row 77\"]"),
        renamed("fifth", last),
    ))
}

/// The five, and one behind them.
fn six() -> String {
    five("mark = \"e\"").replace("[run]\n", &format!("{}[run]\n", use_step("sixth", "echo", "")))
}

/// The steps of which something was worked on.
fn ran(report: &Report) -> BTreeSet<&str> {
    let steps = report.stages.iter().flat_map(|stage| &stage.steps);
    steps.filter(|step| step.guest_ms > 0.0 || step.rows_reused < step.rows_in).map(|step| step.name.as_str()).collect()
}

fn set<'a>(names: &[&'a str]) -> BTreeSet<&'a str> {
    names.iter().copied().collect()
}

#[test]
fn a_run_that_changes_nothing_calls_nobody() {
    let bench = Bench::with_rows(100);
    let first = bench.pipeline(five("mark = \"e\"")).end();
    let folder = first.run_folder.clone();
    let first = first.report();
    let wanted = bench.bytes("out.jsonl");
    assert_eq!(ran(&first).len(), 5);
    let again = bench.pipeline(five("mark = \"e\"")).after(&folder).overwrite().report();
    assert_eq!(ran(&again), set(&[]));
    assert_eq!(bench.bytes("out.jsonl"), wanted);
    // What it came to is the same to the last counter; what it cost is not.
    for name in ["first", "second", "third", "fourth", "fifth"] {
        let (then, now) = (step(&first, name), step(&again, name));
        assert_eq!((now.rows_in, now.rows_out, now.batches), (then.rows_in, then.rows_out, then.batches), "{name}");
        assert_eq!((&now.counters, &now.dropped), (&then.counters, &then.dropped), "{name}");
        assert_eq!((now.rows_reused, then.rows_reused), (now.rows_in, 0), "{name}");
        assert_eq!(now.peak_linear_memory_bytes, 0, "`{name}` was loaded for nothing");
    }
}

#[test]
fn only_what_changed_runs_and_what_follows() {
    let bench = Bench::with_rows(100);
    let first = bench.pipeline(five("mark = \"e\"")).end();
    let folder = first.run_folder.clone();
    first.report();

    let last = bench.pipeline(five("mark = \"other\"")).after(&folder).overwrite().report();
    assert_eq!(ran(&last), set(&["fifth"]));
    assert_eq!(bench.column("out.jsonl", "fifth")[0], "other");

    assert_eq!(ran(&bench.pipeline(six()).after(&folder).overwrite().report()), set(&["sixth"]));

    // `second` drops no row, so those behind it are given the same as before wherever they do not read what it wrote.
    let second = five("mark = \"e\"").replace("mark = \"b\"", "mark = \"c\"");
    assert_eq!(ran(&bench.pipeline(second).after(&folder).overwrite().report()), set(&["second"]));
    assert_eq!(bench.column("out.jsonl", "second")[0], "c");

    let first = five("mark = \"e\"").replace("row 3", "row 4");
    let report = bench.pipeline(first).after(&folder).overwrite().report();
    assert_eq!(ran(&report), set(&["first", "second", "third", "fourth", "fifth"]));
    // Of `second`'s batches all but the first are what they were.
    assert_eq!(step(&report, "second").rows_reused, 90);
}

#[test]
fn rows_that_did_not_change_are_not_worked_on_again() {
    let bench = Bench::with_rows(100);
    let pipeline = straight(&(use_step("one", "picky", "") + "[run]\nbatch_rows = 10\n"));
    let first = bench.pipeline(&pipeline).end();
    let folder = first.run_folder.clone();
    first.report();

    // Appended rows are new, and the others are not.
    bench.put_rows("docs.jsonl", 125);
    let grown = bench.pipeline(&pipeline).after(&folder).overwrite().end();
    let folder = grown.run_folder.clone();
    assert_eq!(step(&grown.report(), "one").rows_reused, 100);
    assert_eq!(bench.rows("out.jsonl").len(), 125);

    // A changed row is worked on, with its batch.
    let changed = lines((0..125).map(|id| {
        let text = if id == 42 { "changed".to_owned() } else { format!("row {id}") };
        serde_json::json!({"id": id, "text": text})
    }));
    bench.put("docs.jsonl", changed);
    assert_eq!(step(&bench.pipeline(&pipeline).after(&folder).overwrite().report(), "one").rows_reused, 115);
    assert_eq!(bench.column("out.jsonl", "text")[42], "changed");

    // What the step does not read may change as it likes.
    let other = lines((0..125).map(|id| serde_json::json!({"id": -id, "text": format!("row {id}")})));
    bench.put("docs.jsonl", other);
    assert_eq!(step(&bench.pipeline(&pipeline).after(&folder).overwrite().report(), "one").rows_reused, 125);
    assert_eq!(bench.column("out.jsonl", "id")[42], -42);
}

/// Had a step's old work been taken for the new one's, its user would not know why the change has no effect.
#[test]
fn another_component_seed_or_column_is_another_step() {
    let bench = Bench::with_rows(20);
    let pipeline = |uses: &str, rest: &str| straight(&use_step("one", uses, rest));
    let first = bench.pipeline(pipeline("echo", "")).end();
    let folder = first.run_folder.clone();
    first.report();
    let reused = |text: String| step(&bench.pipeline(text).after(&folder).overwrite().report(), "one").rows_reused;
    assert_eq!(reused(pipeline("echo", "")), 20);
    assert_eq!(reused(pipeline("picky", "")), 0);
    assert_eq!(reused(pipeline("echo", "[run]\nseed = 7")), 0);
    assert_eq!(reused(pipeline("echo", "columns = { t = \"text\" }")), 0);
    assert_eq!(reused(pipeline("echo", "limits = { memory = \"64MiB\" }\nreplicas = 2")), 20);
}

#[test]
fn a_source_and_a_global_step_are_taken_over_whole() {
    let bench = Bench::new();
    let pipeline = |rows: u32| {
        format!(
            "callboard = 1\n{}{}[outputs.out]\npath = \"out.jsonl\"\n",
            use_step("count", "count-source", &format!("config = {{ rows = {rows}, page = 7 }}")),
            use_step("all", "echo-global", ""),
        )
    };
    let first = bench.pipeline(pipeline(50)).end();
    let folder = first.run_folder.clone();
    first.report();
    let again = bench.pipeline(pipeline(50)).after(&folder).overwrite().report();
    assert_eq!((ran(&again), step(&again, "count").rows_reused), (set(&[]), 50));
    let other = bench.pipeline(pipeline(51)).after(&folder).overwrite().report();
    assert_eq!(ran(&other), set(&["all", "count"]));
    assert_eq!(bench.rows("out.jsonl").len(), 51);
}

/// What a step is granted is part of what it works on: with the old answers, a changed model would change nothing.
#[test]
fn a_granted_file_that_changed_is_another_step() {
    let bench = Bench::with_rows(10);
    bench.put("model.bin", "one");
    std::fs::create_dir(bench.path("notes")).unwrap();
    let text = |grant: &str| straight(&use_step("one", "picky", &format!("grant.files = [{grant}]")));
    let first = bench.pipeline(text("\"model.bin\"")).end();
    let folder = first.run_folder.clone();
    first.report();
    let reused =
        |text: String, folder| step(&bench.pipeline(text).after(folder).overwrite().report(), "one").rows_reused;
    assert_eq!(reused(text("\"model.bin\""), &folder), 10);
    bench.put("model.bin", "two");
    assert_eq!(reused(text("\"model.bin\""), &folder), 0);

    // What it writes is nowhere but where it writes it.
    let writing = bench.pipeline(text("{ path = \"notes\", write = true }")).overwrite().end();
    let folder = writing.run_folder.clone();
    writing.report();
    assert_eq!(reused(text("{ path = \"notes\", write = true }"), &folder), 0);
}

/// A short trial in between must not cost the work of the whole run before it.
#[test]
fn a_small_run_in_between_hides_nothing() {
    let bench = Bench::with_rows(100);
    let first = bench.pipeline(five("mark = \"e\"")).end();
    let whole = first.run_folder.clone();
    first.report();
    let small = bench.pipeline(five("mark = \"e\"")).after(&whole).limit(15).overwrite().end();
    let trial = small.run_folder.clone();
    small.report();
    let again = bench.pipeline(five("mark = \"e\"")).after(&whole).after(&trial).overwrite().report();
    assert_eq!(ran(&again), set(&[]));
}

/// Rows are known by digests under a seed, and a run that was begun afresh has another one.
#[test]
fn another_pipeline_begun_afresh_in_between_hides_nothing() {
    let bench = Bench::with_rows(100);
    let first = bench.pipeline(five("mark = \"e\"")).end();
    let whole = first.run_folder.clone();
    first.report();
    let other = bench.pipeline(straight(&use_step("one", "echo", ""))).overwrite().end();
    let afresh = other.run_folder.clone();
    other.report();
    let again = bench.pipeline(five("mark = \"e\"")).after(&whole).after(&afresh).overwrite().end();
    let folder = again.run_folder.clone();
    assert_eq!(ran(&again.report()), set(&[]));

    // Nor does it where only some steps have been run before: they look for their work under its seed, the others under the run's.
    let six_steps = bench.pipeline(six()).after(&folder).after(&afresh).overwrite().end();
    let folder = six_steps.run_folder.clone();
    assert_eq!(ran(&six_steps.report()), set(&["sixth"]));
    assert_eq!(ran(&bench.pipeline(six()).after(&folder).overwrite().report()), set(&[]));
}

/// What is appended may have its columns in another order: had they been taken for each other, a change to one would not have been seen.
#[test]
fn appended_rows_are_compared_by_the_names_of_their_columns() {
    let bench = Bench::with_rows(20);
    let more =
        |first: &str| lines((20..40).map(|id| serde_json::json!({"text": format!("{first} {}", id % 7), "id": id})));
    bench.put("more.jsonl", more("a"));
    let pipeline = format!(
        "callboard = 1\n[inputs.docs]\npath = \"docs.jsonl\"\n[inputs.more]\npath = \"more.jsonl\"\n{}\
         [outputs.out]\npath = \"out.jsonl\"\n",
        use_step("all", "exact-dedup", "from = [\"docs\", \"more\"]\nconfig = { columns = [\"text\"] }"),
    );
    let first = bench.pipeline(&pipeline).end();
    let folder = first.run_folder.clone();
    first.report();
    assert_eq!(ran(&bench.pipeline(&pipeline).after(&folder).overwrite().report()), set(&[]));
    bench.put("more.jsonl", more("b"));
    assert_eq!(ran(&bench.pipeline(&pipeline).after(&folder).overwrite().report()), set(&["all"]));
    assert!(bench.column("out.jsonl", "text").iter().any(|text| text == "b 3"));
}

/// Two global steps read the same rows, and their earlier work is under different seeds.
#[test]
fn each_global_step_finds_its_work_under_its_own_seed() {
    let bench = Bench::with_rows(50);
    let two = |columns: &str| {
        let dedup = |name: &str, columns: &str| {
            use_step(name, "exact-dedup", &format!("from = \"docs\"\nconfig = {{ columns = [{columns}] }}"))
        };
        format!(
            "callboard = 1\n[inputs.docs]\npath = \"docs.jsonl\"\n{}{}\
             [outputs.o1]\nfrom = \"one\"\npath = \"one.jsonl\"\n[outputs.o2]\nfrom = \"two\"\npath = \"two.jsonl\"\n",
            dedup("one", columns),
            dedup("two", "\"text\", \"id\""),
        )
    };
    let first = bench.pipeline(two("\"text\"")).end();
    let whole = first.run_folder.clone();
    first.report();
    // Begun afresh: another seed, under which `one` has work, and `two` has none.
    let alone = two("\"id\"").replace("[outputs.o2]\nfrom = \"two\"\npath = \"two.jsonl\"\n", "");
    let at = alone.find("[[steps]]\nname = \"two\"").unwrap();
    let alone = format!("{}{}", &alone[..at], &alone[alone.find("[outputs.o1]").unwrap()..]);
    let other = bench.pipeline(alone).overwrite().end();
    let afresh = other.run_folder.clone();
    other.report();
    let again = bench.pipeline(two("\"id\"")).after(&whole).after(&afresh).overwrite().report();
    assert_eq!(ran(&again), set(&[]));
}
