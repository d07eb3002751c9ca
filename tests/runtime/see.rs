//! A run that is there, looked at: at each node its rows are those that readers of the node were given.

use std::io::Write;

use callboard_runtime::{
    Class, Followed, Looking, RowsWanted, RunSummary, Shown, Traced, TracedFate, peek_run, trace_run,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::bench::{Bench, lines, use_step, wired};

const ROWS: u64 = 300;

fn bench() -> Bench {
    let bench = Bench::new();
    let row = |id: u64| json!({ "id": id, "text": format!("row {}", id % 120), "n": id % 7 });
    bench.put("docs.jsonl", lines((0..ROWS).map(row)));
    bench
}

fn cache() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}

fn all(columns: &[&str]) -> RowsWanted {
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    RowsWanted { rows: 10_000, columns, ..RowsWanted::default() }
}

fn rows(shown: &Shown) -> Vec<Value> {
    shown.json().unwrap().iter().map(|row| serde_json::from_str(row).unwrap()).collect()
}

/// Transforms side by side, a step that reorders, one that drops, a zip, a route; every node and door is an output, too.
fn pipeline() -> String {
    let odd = "replicas = 2\non_error = \"reject\"\nconfig = { drop = [\"row 1\"], omit = [\"row 2\"], reject = [\"row 5\"] }";
    let steps = [
        use_step("odd", "picky", odd),
        use_step("more", "compute", "replicas = 2\nconfig = { set = { twice = \"id * 2\" } }"),
        use_step("mixed", "sort", "config = { by = [\"text\"] }"),
        use_step("dedup", "exact-dedup", "config = { columns = [\"text\"] }"),
        use_step("small", "filter", "from = { step = \"dedup\", where = \"n < 4\" }\nconfig = { where = \"n != 1\" }"),
        use_step("a", "compute", "from = \"dedup\"\nconfig = { set = { left = \"id + 1\" } }"),
        use_step("b", "filter", "from = \"dedup\"\nconfig = { where = \"n > 2\" }"),
        use_step("both", "echo", "from = { zip = [\"a\", \"b\"] }"),
    ];
    let nodes = NODES.iter().map(|node| (format!("at-{}", node.replace('.', "-")), format!("from = \"{node}\"")));
    let nodes: Vec<(String, String)> = nodes.collect();
    let outputs: Vec<(&str, &str)> = nodes.iter().map(|(name, from)| (name.as_str(), from.as_str())).collect();
    wired(&["docs"], &outputs, &steps.concat()) + "[run]\nbatch_rows = 16\n"
}

const NODES: &[&str] = &[
    "docs",
    "odd",
    "odd.dropped",
    "odd.rejected",
    "more",
    "mixed",
    "dedup",
    "dedup.dropped",
    "small",
    "small.dropped",
    "a",
    "b",
    "b.dropped",
    "both",
];

#[test]
fn at_each_node_the_rows_are_those_that_its_readers_got() {
    let bench = bench();
    let ended = bench.pipeline(pipeline()).end();
    let run = ended.run_folder.clone();
    ended.report();
    let before = bench.names();
    let looking = Looking::at(&run, cache());
    for node in NODES {
        let shown = peek_run(&looking, node, &all(&[])).unwrap_or_else(|error| panic!("{node}: {error}"));
        let written = bench.rows(&format!("at-{}.jsonl", node.replace('.', "-")));
        let bare = |row: &Value| {
            let members =
                row.as_object().unwrap().iter().filter(|(name, _)| !name.starts_with('_') || *name == "_reason");
            members.map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>()
        };
        let expected: Vec<_> = written.iter().map(bare).collect();
        assert!(!expected.is_empty(), "{node}");
        assert_eq!(rows(&shown).iter().map(bare).collect::<Vec<_>>(), expected, "{node}");
        assert_eq!(shown.notes, [] as [&str; 0]);
        for (place, row) in shown.places.iter().zip(&expected) {
            assert!(place.ends_with(&format!("docs.jsonl:{}", row["id"].as_u64().unwrap() + 1)), "{node}: {place}");
        }
    }
    assert_eq!(bench.names(), before, "nothing is left behind");
}

#[test]
fn a_condition_a_draw_and_columns_choose_among_rows_of_a_door() {
    let bench = bench();
    let ended = bench.pipeline(pipeline()).end();
    let looking = Looking::at(&ended.run_folder, cache());
    let wanted =
        RowsWanted { condition: Some("_reason == \"duplicate\" && n == 3".to_owned()), ..all(&["n", "_reason"]) };
    let found = rows(&peek_run(&looking, "dedup.dropped", &wanted).unwrap());
    let duplicates = bench.column("at-dedup-dropped.jsonl", "n").iter().filter(|n| **n == 3).count();
    assert!(duplicates > 2);
    assert_eq!(found, vec![json!({ "n": 3, "_reason": "duplicate" }); duplicates]);
    let drawn = |seed| {
        let wanted = RowsWanted { rows: 5, seed: Some(seed), ..all(&["id"]) };
        rows(&peek_run(&looking, "mixed", &wanted).unwrap())
    };
    assert_eq!(drawn(1), drawn(1));
    assert!(drawn(1) != drawn(2) && drawn(1).len() == 5);
    let wrong = peek_run(&looking, "dedup", &all(&["txt"])).unwrap_err();
    assert_eq!(wrong.help.unwrap().to_string(), "did you mean `text`?");
    let wrong = peek_run(&looking, "dedop.dropped", &all(&[])).unwrap_err();
    assert!(wrong.help.unwrap().to_string().starts_with("did you mean `dedup`?"));
}

/// Transforms, a step that reorders and one that drops; no branches.
fn line_of_steps() -> String {
    let odd = "replicas = 2\non_error = \"reject\"\nconfig = { drop = [\"row 1\"], omit = [\"row 2\"], reject = [\"row 5\"] }";
    let steps = [
        use_step("odd", "picky", odd),
        use_step("more", "compute", "replicas = 2\nbatch = { rows = 10 }\nconfig = { set = { twice = \"id * 2\" } }"),
        use_step("mixed", "sort", "config = { by = [\"text\"] }"),
        use_step("dedup", "exact-dedup", "config = { columns = [\"text\"] }"),
        use_step("small", "filter", "config = { where = \"n < 4\" }"),
    ];
    wired(&["docs"], &[("out", "")], &steps.concat()) + "[run]\nbatch_rows = 16\n"
}

/// What a run keeps says where rows are: of all others, nothing is read. They are those that a replay shows.
#[test]
fn a_few_rows_are_read_without_those_before_them() {
    let bench = bench();
    let jsonl = String::from_utf8(bench.bytes("docs.jsonl")).unwrap();
    let csv: String = (0..ROWS).map(|id| format!("{id},row {},{}\n", id % 120, id % 7)).collect();
    few_rows_are_read(&bench, "docs.jsonl", &jsonl, 0);
    few_rows_are_read(&bench, "docs.csv", &format!("id,text,n\n{csv}"), 1);
}

fn few_rows_are_read(bench: &Bench, file: &str, text: &str, header: usize) {
    bench.put(file, text);
    let ended = bench.pipeline(line_of_steps().replace("\"docs.jsonl\"", &format!("{file:?}"))).overwrite().end();
    let run = ended.run_folder.clone();
    ended.report();
    let looking = Looking::at(&run, cache());
    let nodes = ["docs", "odd", "odd.dropped", "odd.rejected", "more", "mixed", "dedup", "dedup.dropped", "small"];
    for node in nodes.into_iter().chain(["small.dropped"]) {
        for (seed, rows_wanted) in [(None, 2), (Some(1), 2), (Some(2), 3)] {
            let case = format!("{file}, {node}, {seed:?}");
            let wanted = RowsWanted { rows: rows_wanted, seed, ..RowsWanted::default() };
            let peek = || peek_run(&looking, node, &wanted).unwrap_or_else(|error| panic!("{case}: {error}"));
            std::fs::rename(run.join("lengths"), run.join("elsewhere")).unwrap();
            let replayed = peek();
            std::fs::rename(run.join("elsewhere"), run.join("lengths")).unwrap();
            assert_eq!((replayed.rows.num_rows(), replayed.notes.len()), (rows_wanted, 0), "{case}");

            // As many bytes, and other values in all batches but theirs, by which no work would be found.
            let line = |place: &String| place.rsplit(':').next().unwrap().parse::<usize>().unwrap() - 1 - header;
            let batches: Vec<usize> = replayed.places.iter().map(|place| line(place) / 16).collect();
            // Batches of `more` have rows of two, some of them of three; those of `small` are of rows in another order, each the first of its text.
            let is_near = |line: usize| match node.starts_with("small") {
                true => line < 144,
                false => batches.iter().any(|batch| batch.abs_diff(line / 16) <= 2),
            };
            let changed = text.lines().enumerate().map(|(at, line)| match at < header || is_near(at - header) {
                true => format!("{line}\n"),
                false => format!("{}\n", line.replace("row ", "ROW ")),
            });
            bench.put(file, changed.collect::<String>());
            let found = peek();
            bench.put(file, text);
            assert_eq!((found.rows, found.places), (replayed.rows, replayed.places), "{case}");
            assert_eq!(found.notes, [] as [&str; 0], "{case}");
        }
    }
}

/// A file that can be read from its beginning alone is read once, up to the last row that is wanted: of other batches, no work is looked for.
#[test]
fn rows_of_a_compressed_file_are_found_by_their_numbers() {
    const ROWS: usize = 140_000;
    let bench = Bench::new();
    // Without compression, as many bytes whatever the text.
    let rows = |is_changed: &dyn Fn(usize) -> bool| {
        let row =
            |id: usize| format!("{{\"id\":{id},\"text\":\"{} {id}\"}}\n", if is_changed(id) { "ROW" } else { "row" });
        let mut gz = GzEncoder::new(Vec::new(), Compression::none());
        gz.write_all((0..ROWS).map(row).collect::<String>().as_bytes()).unwrap();
        gz.finish().unwrap()
    };
    let whole = rows(&|_| false);
    bench.put("docs.jsonl.gz", &whole);
    let steps = use_step("odd", "filter", "config = { where = \"id % 2 == 1\" }");
    let text = wired(&["docs"], &[("out", "from = \"odd\"")], &steps).replace("docs.jsonl", "docs.jsonl.gz");
    let ended = bench.pipeline(text + "[run]\nbatch_rows = 1000\n").end();
    let run = ended.run_folder.clone();
    ended.report();
    let looking = Looking::at(&run, cache());
    for node in ["docs", "odd", "odd.dropped"] {
        let peek =
            || peek_run(&looking, node, &RowsWanted { rows: 5, seed: Some(3), ..RowsWanted::default() }).unwrap();
        std::fs::rename(run.join("lengths"), run.join("elsewhere")).unwrap();
        let replayed = peek();
        std::fs::rename(run.join("elsewhere"), run.join("lengths")).unwrap();
        let line = |place: &String| place.rsplit(':').next().unwrap().parse::<usize>().unwrap() - 1;
        let batches: Vec<usize> = replayed.places.iter().map(|place| line(place) / 1000).collect();
        assert!(batches.iter().any(|batch| *batch > 70), "{node}: {batches:?}");
        bench.put("docs.jsonl.gz", rows(&|id| !batches.contains(&(id / 1000))));
        let found = peek();
        bench.put("docs.jsonl.gz", &whole);
        assert_eq!((found.rows, found.places), (replayed.rows, replayed.places), "{node}");
    }
}

/// Pages of a source that no row is wanted of are not read.
#[test]
fn rows_of_a_source_are_found_by_their_numbers() {
    let bench = Bench::new();
    let steps = use_step("count", "count-source", "config = { rows = 300, page = 7 }")
        + &use_step("odd", "filter", "config = { where = \"n % 2 == 1\" }");
    let ended = bench.pipeline(wired(&[], &[("out", "from = \"odd\"")], &steps) + "[run]\nbatch_rows = 16\n").end();
    let run = ended.run_folder.clone();
    ended.report();
    let looking = Looking::at(&run, cache());
    for node in ["count", "odd", "odd.dropped"] {
        for seed in [None, Some(1)] {
            let peek = || peek_run(&looking, node, &RowsWanted { rows: 3, seed, ..RowsWanted::default() }).unwrap();
            let found = peek();
            std::fs::rename(run.join("lengths"), run.join("elsewhere")).unwrap();
            let replayed = peek();
            std::fs::rename(run.join("elsewhere"), run.join("lengths")).unwrap();
            assert_eq!((found.rows, found.places), (replayed.rows, replayed.places), "{node} {seed:?}");
        }
    }
}

/// Of rows that part, the batches alone are read in which those lie that took the route.
#[test]
fn rows_that_took_a_route_are_found_by_their_numbers() {
    let bench = bench();
    let text = String::from_utf8(bench.bytes("docs.jsonl")).unwrap();
    let steps = [
        use_step(
            "few",
            "filter",
            "from = { step = \"docs\", where = \"n == 3 && id > 40\" }\nconfig = { where = \"id % 2 == 1\" }",
        ),
        use_step(
            "rest",
            "compute",
            "from = { step = \"docs\", else = true }\nconfig = { set = { twice = \"id * 2\" } }",
        ),
        use_step("sorted", "sort", "from = { step = \"rest\", where = \"n > 4\" }\nconfig = { by = [\"id\"] }"),
    ];
    let outputs = [("few", "from = \"few\""), ("out", "from = \"sorted\"")];
    let ended = bench.pipeline(wired(&["docs"], &outputs, &steps.concat()) + "[run]\nbatch_rows = 16\n").end();
    let run = ended.run_folder.clone();
    ended.report();
    let looking = Looking::at(&run, cache());
    for node in ["few", "few.dropped", "rest", "sorted"] {
        for seed in [None, Some(1)] {
            let peek = || peek_run(&looking, node, &RowsWanted { rows: 3, seed, ..RowsWanted::default() }).unwrap();
            std::fs::rename(run.join("lengths"), run.join("elsewhere")).unwrap();
            let replayed = peek();
            std::fs::rename(run.join("elsewhere"), run.join("lengths")).unwrap();
            assert_eq!(replayed.rows.num_rows(), 3, "{node} {seed:?}");
            let line = |place: &String| place.rsplit(':').next().unwrap().parse::<usize>().unwrap() - 1;
            let near: Vec<usize> = replayed.places.iter().map(|place| line(place) / 16).collect();
            // A batch of a step behind a route has rows of no other batch.
            let changed = text.lines().enumerate().map(|(at, line)| match near.contains(&(at / 16)) {
                true => format!("{line}\n"),
                false => format!("{}\n", line.replace("row ", "ROW ")),
            });
            bench.put("docs.jsonl", changed.collect::<String>());
            let found = peek();
            bench.put("docs.jsonl", &text);
            assert_eq!((found.rows, found.places), (replayed.rows, replayed.places), "{node} {seed:?}");
        }
    }
}

/// Of branches that are zipped, the batches alone are read whose rows were joined with those that are shown; behind a step that puts rows in another
/// order, all of them.
#[test]
fn rows_that_are_zipped_are_found_by_their_numbers() {
    let bench = Bench::new();
    let row =
        |id: u64| json!({ "id": id, "text": format!("row {id}"), "n": id % 7, "list": vec!["x"; (id % 4) as usize] });
    bench.put("docs.jsonl", lines((0..ROWS).map(row)));
    let text = String::from_utf8(bench.bytes("docs.jsonl")).unwrap();
    let compute = |name: &str, from: &str| {
        use_step(name, "compute", &format!("from = \"{from}\"\nconfig = {{ set = {{ {name} = \"id * 2\" }} }}"))
    };
    let zip = |name: &str, branches: &str| {
        use_step(
            name,
            "filter",
            &format!(
                "from = {{ zip = {branches}, same = \"suffix\" }}\nbatch = {{ rows = 10 }}\nconfig = {{ where = \"n != 5\" }}"
            ),
        )
    };
    let steps = [
        use_step("kept", "filter", "from = \"docs\"\nconfig = { where = \"n != 3\" }"),
        compute("a", "kept"),
        use_step(
            "b",
            "explode",
            "from = { step = \"docs\", where = \"n > 1\" }\nconfig = { column = \"list\", as = \"each\" }",
        ),
        use_step(
            "c",
            "select",
            "from = \"kept.dropped\"\nconfig = { rename = { _reason = \"why\" }, drop = [\"_step\", \"_input\", \"_file\", \"_line\"] }",
        ),
        zip("zipped", "[\"a\", \"b\", \"c\"]"),
        use_step("dedup", "exact-dedup", "config = { columns = [\"text\", \"each\"] }"),
        zip("late", "[\"dedup\", \"docs\"]"),
        use_step("mixed", "sort", "from = \"docs\"\nconfig = { by = [\"text\"] }"),
        zip("apart", "[\"mixed\", \"a\"]"),
    ];
    let outputs = [("late", "from = \"late\""), ("apart", "from = \"apart\"")];
    let text_of = wired(&["docs"], &outputs, &steps.concat()) + "[run]\nbatch_rows = 16\n";
    let ended = bench.pipeline(text_of).end();
    let run = ended.run_folder.clone();
    ended.report();
    let looking = Looking::at(&run, cache());
    for node in ["kept", "a", "b", "c", "zipped", "zipped.dropped", "dedup", "late", "apart"] {
        for (seed, rows) in [(None, 3), (Some(1), 3), (Some(2), 4)] {
            let case = format!("{node} {seed:?}");
            let peek = || peek_run(&looking, node, &RowsWanted { rows, seed, ..RowsWanted::default() }).unwrap();
            std::fs::rename(run.join("lengths"), run.join("elsewhere")).unwrap();
            let replayed = peek();
            std::fs::rename(run.join("elsewhere"), run.join("lengths")).unwrap();
            assert_eq!(replayed.rows.num_rows(), rows, "{case}");
            let line = |place: &String| place.rsplit(':').next().unwrap().parse::<usize>().unwrap() - 1;
            let batches: Vec<usize> = replayed.places.iter().map(|place| line(place) / 16).collect();
            let is_near = |at: usize| node == "apart" || batches.iter().any(|batch| batch.abs_diff(at / 16) <= 2);
            let changed = text.lines().enumerate().map(|(at, line)| match is_near(at) {
                true => format!("{line}\n"),
                false => format!("{}\n", line.replace("row ", "ROW ")),
            });
            bench.put("docs.jsonl", changed.collect::<String>());
            let found = peek();
            bench.put("docs.jsonl", &text);
            assert_eq!((found.rows, found.places), (replayed.rows, replayed.places), "{case}");
        }
    }
}

/// A door that no row left by shows none, behind each kind of step.
#[test]
fn where_no_rows_left_none_are_shown() {
    let bench = Bench::new();
    bench.put("docs.jsonl", lines((0..50).map(|id| json!({ "id": id }))));
    let steps = use_step("all", "filter", "config = { where = \"id >= 0\" }")
        + &use_step("distinct", "exact-dedup", "config = { columns = [\"id\"] }");
    let ended = bench.pipeline(wired(&["docs"], &[("out", "")], &steps)).end();
    let looking = Looking::at(&ended.run_folder, cache());
    ended.report();
    for node in ["all.dropped", "all.rejected", "distinct.dropped", "distinct.rejected"] {
        for seed in [None, Some(1)] {
            let shown = peek_run(&looking, node, &RowsWanted { rows: 5, seed, ..RowsWanted::default() }).unwrap();
            assert_eq!(
                (shown.rows.num_rows(), shown.columns()),
                (0, vec!["_reason".to_owned(), "id".to_owned()]),
                "{node}"
            );
        }
    }
}

/// Files of a finished run's outputs: seeded rows are those that reading everything draws.
#[test]
fn rows_of_an_output_are_drawn_alike_however_they_are_found() {
    let bench = bench();
    let steps = use_step("odd", "picky", "config = { drop = [\"row 1\"] }");
    let text = wired(&["docs"], &[("lines", "from = \"odd\"")], &steps)
        + "[outputs.more]\nfrom = \"odd\"\npath = \"more.parquet\"\n[run]\nbatch_rows = 16\n";
    let ended = bench.pipeline(text).end();
    let run = ended.run_folder.clone();
    ended.report();
    let looking = Looking::at(&run, cache());
    let drawn = |output: &str, condition: Option<&str>| {
        let condition = condition.map(str::to_owned);
        let wanted = RowsWanted { rows: 9, seed: Some(5), condition, ..RowsWanted::default() };
        let shown = peek_run(&looking, output, &wanted).unwrap();
        (
            rows(&shown),
            shown.places.iter().map(|place| place.rsplit(':').next().unwrap().to_owned()).collect::<Vec<_>>(),
        )
    };
    // With a condition, all rows are read.
    let (lines, parquet) = (drawn("lines", Some("true")), drawn("more", Some("true")));
    assert_eq!((lines.0.len(), &lines), (9, &parquet));
    assert_eq!((drawn("lines", None), drawn("more", None)), (lines.clone(), parquet));
    std::fs::remove_dir_all(run.join("positions")).unwrap();
    assert_eq!(drawn("lines", None), lines, "its lines are counted");
}

#[test]
fn of_a_run_that_failed_all_that_it_did_is_shown() {
    let bench = bench();
    let steps = use_step("first", "filter", "config = { where = \"n != 1\" }")
        + &use_step("odd", "picky", "config = { drop = [\"row 2\"], trap = [\"row 100\"] }");
    let ended =
        bench.pipeline(wired(&["docs"], &[("out", "from = \"odd\"")], &steps) + "[run]\nbatch_rows = 16\n").end();
    assert!(ended.failure.is_some());
    let looking = Looking::at(&ended.run_folder, cache());
    let shown = peek_run(&looking, "odd.dropped", &all(&["text"])).unwrap();
    assert_eq!(rows(&shown), [json!({ "text": "row 2" })]);
    let note = shown.notes.iter().find(|note| note.contains("reached `odd` are not shown")).unwrap();
    let lost: u64 = note.split(' ').next().unwrap().parse().unwrap();
    assert!(lost > 100, "{note}");
    let first = peek_run(&looking, "first", &all(&[])).unwrap();
    assert!(first.rows.num_rows() as u64 > lost);
}

/// What is shown is what the run read: not other rows that are there by now, and nothing that somebody else's folder names.
#[test]
fn inputs_that_changed_and_runs_of_others_are_refused() {
    let bench = bench();
    let ended = bench.pipeline(pipeline()).end();
    let run = ended.run_folder.clone();
    let looking = Looking::at(&run, cache());
    let other = tempfile::tempdir().unwrap();
    let theirs = Looking::at(&run, other.path().to_owned());
    let refused = peek_run(&theirs, "odd", &all(&[])).unwrap_err();
    assert!(refused.message.contains("nothing proves that you began the run"), "{}", refused.message);
    let digest = RunSummary::of(&run).unwrap().trust.unwrap();
    assert!(refused.help.unwrap().to_string().ends_with(&digest));
    let trusting = theirs.trusted(u128::from_str_radix(&digest, 16).ok());
    assert!(peek_run(&trusting, "odd", &all(&[])).unwrap().rows.num_rows() > 0);

    // As many bytes, and other values: known by the digests of what was read.
    let text = String::from_utf8(bench.bytes("docs.jsonl")).unwrap().replace("row 7\"", "ROW 7\"");
    bench.put("docs.jsonl", text);
    let shown = peek_run(&looking, "odd", &all(&["text"])).unwrap();
    assert!(!shown.notes.is_empty() && rows(&shown).iter().all(|row| row["text"] != "ROW 7"), "{:?}", shown.notes);
    bench.put("docs.jsonl", "{}\n");
    let changed = peek_run(&looking, "odd", &all(&[])).unwrap_err();
    assert_eq!(changed.class, Class::Data, "{changed}");
}

/// Whichever byte of `columns.json` is changed: an error, or the rows as they were.
#[test]
fn no_damage_to_what_was_declared_is_a_panic() {
    let bench = bench();
    let steps = use_step("odd", "picky", "config = { drop = [\"row 1\"] }");
    let ended = bench.pipeline(wired(&["docs"], &[("out", "from = \"odd\"")], &steps)).end();
    let looking = Looking::at(&ended.run_folder, cache());
    let path = ended.run_folder.join("columns.json");
    let whole = std::fs::read(&path).unwrap();
    let expected = rows(&peek_run(&looking, "odd", &all(&[])).unwrap());
    let (mut refused, mut shown) = (0, 0);
    for at in (0..whole.len()).step_by(23) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 7);
        std::fs::write(&path, flipped).unwrap();
        match peek_run(&looking, "odd", &all(&[])) {
            Err(_) => refused += 1,
            Ok(found) if found.notes.is_empty() && found.columns() == ["id", "n", "text"] => {
                assert_eq!(rows(&found), expected);
                shown += 1;
            }
            Ok(_) => {}
        }
    }
    assert!(refused > 5, "{refused} refused, {shown} shown");
    std::fs::remove_file(&path).unwrap();
    let error = peek_run(&looking, "odd", &all(&[])).unwrap_err();
    assert!(error.message.contains("keeps nothing that could be shown"), "{error}");
}

/// Inputs are read side by side: the row is that of the first which has one, not of the one that is read first.
#[test]
fn of_several_inputs_the_first_has_the_row_that_is_followed() {
    let bench = Bench::new();
    let row = |id: u64| json!({ "id": id });
    // The first input's row stands far behind.
    bench.put("many.jsonl", lines((0..3000).map(row)));
    bench.put("few.jsonl", lines((2990..2999).map(row)));
    let ended = bench.pipeline(wired(&["many", "few"], &[("a", "from = \"many\""), ("b", "from = \"few\"")], "")).end();
    let looking = Looking::at(&ended.run_folder, cache());
    let of = |condition: &str| trace_run(&looking, &Followed::Where(condition.to_owned())).unwrap();
    let traced = of("id == 2995");
    assert!(traced.place.contains("many.jsonl"), "{}", traced.place);
    assert_eq!(traced.outputs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a"]);
}

/// A line that is not JSON is no row: what became of it is said all the same.
#[test]
fn a_line_that_its_input_could_not_read_is_found() {
    let bench = Bench::new();
    bench.put("docs.jsonl", "{\"id\": 1}\n{\"id\": 2\n{\"id\": 3}\n");
    let pipeline = wired(&["docs"], &[("out", "from = \"docs\"")], "");
    let ended = bench.pipeline(pipeline.replace("[inputs.docs]\n", "[inputs.docs]\non_bad_row = \"reject\"\n")).end();
    let looking = Looking::at(&ended.run_folder, cache());
    let at = |line: u64| trace_run(&looking, &Followed::At(format!("docs.jsonl:{line}")));
    let traced = at(2).unwrap();
    assert!(
        matches!(&traced.steps[..], [step] if step.name == "docs"
        && matches!(&step.fate, TracedFate::Rejected(reason) if reason.contains("not JSON"))),
        "{traced:?}"
    );
    assert!(traced.outputs.is_empty() && at(3).unwrap().outputs.len() == 1);
    assert!(at(4).unwrap_err().message.contains("read no row at"));
}

#[test]
fn a_row_is_followed_through_every_step_to_where_it_ends() {
    let bench = bench();
    let ended = bench.pipeline(pipeline()).end();
    let looking = Looking::at(&ended.run_folder, cache());
    let at = |line: u64| trace_run(&looking, &Followed::At(format!("docs.jsonl:{line}"))).unwrap();
    let steps = |traced: &Traced| -> Vec<(String, TracedFate)> {
        traced.steps.iter().map(|step| (step.name.clone(), step.fate.clone())).collect()
    };
    let out = |name: &str| (name.to_owned(), TracedFate::PutOut(1));
    let dropped = |name: &str, reason: &str| (name.to_owned(), TracedFate::Dropped(reason.to_owned()));
    // `row 1`, `row 2` and `row 5` go in the first step, the second `row 7` as a duplicate.
    assert_eq!(steps(&at(2)), [dropped("odd", "dropped")]);
    assert_eq!(steps(&at(3)), [dropped("odd", "")]);
    assert_eq!(steps(&at(6)), [("odd".to_owned(), TracedFate::Rejected("it is `row 5`".to_owned()))]);
    assert_eq!(steps(&at(128)), [out("odd"), out("more"), out("mixed"), dropped("dedup", "duplicate")]);
    // 10 % 7 is 3: it goes through all of them.
    let traced = at(11);
    let names = ["odd", "more", "mixed", "dedup", "small", "a", "b", "both"];
    assert_eq!(steps(&traced), names.map(out));
    assert_eq!(traced.row["text"], "row 10");
    let more = &traced.steps[1].changes;
    assert_eq!((more[0].column.as_str(), &more[0].from, &more[0].to), ("twice", &None, &Some(json!(20))));
    let outputs: Vec<&str> = traced.outputs.iter().map(|(name, _)| name.as_str()).collect();
    assert!(outputs.contains(&"at-both") && outputs.contains(&"at-docs"), "{outputs:?}");
    // The same row by its values; one that a route does not take.
    let found = trace_run(&looking, &Followed::Where("id == 10".to_owned())).unwrap();
    assert_eq!((&found.place, steps(&found)), (&traced.place, names.map(out).to_vec()));
    let traced = at(13);
    assert_eq!(traced.steps[4].name, "small");
    assert_eq!(traced.steps[4].fate, TracedFate::Unknown, "12 % 7 is 5");

    let wrong = |followed| trace_run(&looking, &followed).unwrap_err();
    assert!(wrong(Followed::At("docs.jsonl:301".to_owned())).message.contains("read no row at"));
    assert!(wrong(Followed::At("other.jsonl:1".to_owned())).message.contains("read no file"));
    assert!(wrong(Followed::At("docs.jsonl".to_owned())).message.contains("is not a row's place"));
    assert!(wrong(Followed::Where("id == 1000".to_owned())).message.contains("read no row for which"));
    assert!(wrong(Followed::Where("ident == 1".to_owned())).message.contains("ident"));
}
