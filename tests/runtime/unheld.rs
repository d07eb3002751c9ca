//! A value that a format cannot hold, wherever a row goes: to an output, by a side door, to the rejects. Each format refuses it with output,
//! column and row, or holds it; the rejects mark it.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampSecondArray};
use arrow::datatypes::TimestampSecondType;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use callboard_runtime::Class;
use serde_json::{Value, json};

use crate::bench::{Bench, use_step};

/// Twelve rows, the tenth of which has a timestamp that neither text nor Parquet's milliseconds hold.
fn rows() -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(1..=12));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((1..=12).map(|id| format!("row {id}"))));
    let when = (1..=12).map(|id| if id == 10 { i64::MAX } else { id });
    let when: ArrayRef = Arc::new(TimestampSecondArray::from_iter_values(when));
    RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("text", texts, true), ("when", when, true)]).unwrap()
}

/// What becomes of the tenth row, where it goes, and its number there: the eighth row goes the same way.
const WAYS: [(&str, &str, u64); 3] = [
    ("drop = []", "odd", 10),
    ("drop = [\"row 8\", \"row 10\"]", "odd.dropped", 2),
    ("reject = [\"row 8\", \"row 10\"]", "odd.rejected", 2),
];

#[test]
fn every_format_refuses_it_in_an_output_and_at_each_door_or_holds_it() {
    let refused = "`when` is 9223372036854775807 as timestamp[s], which is ";
    let formats = [
        ("jsonl", Some("not in the years 0000 to 9999: it cannot be text")),
        ("jsonl.gz", Some("not in the years 0000 to 9999: it cannot be text")),
        ("csv", Some("not in the years 0000 to 9999: it cannot be text")),
        ("parquet", Some("more than parquet holds")),
        ("arrow", None),
    ];
    let bench = Bench::new();
    let mut file = FileWriter::try_new(File::create(bench.path("docs.arrow")).unwrap(), &rows().schema()).unwrap();
    file.write(&rows()).unwrap();
    file.finish().unwrap();
    for (config, from, number) in WAYS {
        let steps = use_step("odd", "picky", &format!("config = {{ {config} }}\non_error = \"reject\""));
        for (format, why) in formats {
            let place = format!("o.{format}");
            bench.put(&place, "as it was");
            let text = format!(
                "callboard = 1\n[inputs.docs]\npath = \"docs.arrow\"\n{steps}\n[outputs.kept]\nfrom = \"{from}\"\npath = \"{place}\"\n[run]\nbatch_rows = 4\n"
            );
            let ended = bench.pipeline(text).overwrite().end();
            if from == "odd.rejected" {
                let kept = std::fs::read_to_string(ended.run_folder.join("rejects.jsonl")).unwrap();
                let kept: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                let marked = json!({"raw": i64::MAX, "type": "timestamp[s]"});
                assert_eq!(kept[1]["row"], json!({"id": 10, "text": "row 10", "when": marked}), "{format}");
            }
            let Some(why) = why else {
                ended.report();
                let batches = FileReader::try_new(File::open(bench.path(&place)).unwrap(), None).unwrap();
                let found: Vec<i64> = batches
                    .flat_map(|batch| {
                        let batch = batch.unwrap();
                        batch["when"].as_primitive::<TimestampSecondType>().values().to_vec()
                    })
                    .collect();
                assert_eq!(found[number as usize - 1], i64::MAX, "{from} to {format}");
                continue;
            };
            let error = ended.error();
            let said = error.to_string();
            assert_eq!(error.class, Class::Data, "{from} to {format}: {said}");
            assert!(said.contains("output `kept`"), "{from} to {format}: {said}");
            assert!(said.contains(&format!("row {number}: {refused}{why}")), "{from} to {format}: {said}");
            assert!(error.help.is_some(), "{from} to {format}");
            assert_eq!(bench.bytes(&place), b"as it was", "{from} to {format}");
        }
    }
}
