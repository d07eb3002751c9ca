//! The bundled steps that ask models, and what makes rows for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callboard_runtime::Report;
use serde_json::{Value, json};

use crate::bench::{Bench, step, straight, use_step};
use crate::model::{Act, Model};

/// A step that may ask the model, with the limits of its server behind it.
fn asks(model: &Model, name: &str, config: &str, limits: &str) -> String {
    let server = format!("127.0.0.1:{}", model.port);
    let config = format!("config = {{ model = \"tiny\", url = \"http://{server}/v1\", {config} }}");
    let grant = format!("on_error = \"reject\"\ngrant.http = [\"POST http://{server}/v1/\"]");
    use_step(name, name, &format!("{config}\n{grant}")) + &format!("\n[calls.\"{server}\"]\n{limits}\n")
}

fn calls(report: &Report) -> (u64, u64) {
    let steps = report.calls.values().flat_map(|server| server.steps.values());
    steps.fold((0, 0), |(replies, known), step| (replies + step.replies, known + step.known))
}

/// A wrong outcome would be a protocol that no server understands, or a reply that nobody reads.
#[test]
fn llm_speaks_three_protocols() {
    let bench = Bench::with_rows(5);
    let model = Model::start(|_, _| Act::Reply);
    for api in ["openai-chat", "openai-responses", "anthropic"] {
        let config = format!("api = \"{api}\", prompt = \"{api}: {{{{ text }}}}\"");
        let report = bench.pipeline(straight(&asks(&model, "llm", &config, ""))).overwrite().report();
        let expected: Vec<Value> = (0..5).map(|id| json!(format!("reply 0 to {api}: row {id}"))).collect();
        assert_eq!(bench.column("out.jsonl", "reply"), expected);
        assert_eq!(bench.column("out.jsonl", "reply_output_tokens"), vec![json!(7); 5]);
        assert_eq!(calls(&report), (5, 0));
        let tokens: u64 =
            report.calls.values().flat_map(|server| server.steps.values()).map(|step| step.output_tokens).sum();
        assert_eq!(tokens, 35, "the host finds the tokens of {api}");
    }
}

/// A wrong outcome would lose rows for ever to an outage or a wrong key, or pay for the others again.
#[test]
fn rows_that_failed_for_the_time_being_are_asked_again_by_the_next_run() {
    let bench = Bench::with_rows(20);
    let up = Arc::new(AtomicBool::new(false));
    let is_up = up.clone();
    let model = Model::start(move |text, _| match text {
        "row 3" if !is_up.load(Ordering::SeqCst) => Act::Status(503, ""),
        "row 4" if !is_up.load(Ordering::SeqCst) => Act::Status(401, ""),
        "row 5" => Act::Status(400, ""),
        _ => Act::Reply,
    });
    let text = straight(&asks(&model, "llm", "prompt = \"{{ text }}\"", "retry = 0"));
    let first = bench.pipeline(text.clone()).end();
    let folder = first.run_folder.clone();
    let report = first.report();
    assert_eq!((report.rejects.rows, calls(&report)), (3, (17, 0)));
    up.store(true, Ordering::SeqCst);
    let report = bench.pipeline(text).overwrite().after(&folder).report();
    assert_eq!((report.rejects.rows, calls(&report)), (1, (2, 17)));
    assert_eq!(bench.column("out.jsonl", "reply").len(), 19);
}

/// A wrong outcome would need an input to begin with, make other rows the second time, or ask for them again.
#[test]
fn a_data_set_is_made_of_nothing_in_one_file() {
    let bench = Bench::new();
    // It rates by what it is asked about, and first says something that does not fit.
    let model = Model::start(|text, _| match text {
        asked if asked.starts_with("This reply does not fit") => Act::Say("{\"text\": \"again\", \"score\": 2}".into()),
        asked if asked.contains("law") => Act::Say(format!("{{\"text\": \"On {asked}\", \"score\": 5}}")),
        _ => Act::Say("{\"text\": \"bad\", \"score\": 9}".into()),
    });
    let config = "prompt = \"{{ topic }} in {{ words }} words\", schema = { type = \"object\", properties = { text = { type = \"string\" }, score = { type = \"integer\", maximum = 5 } }, required = [\"text\", \"score\"] }";
    let sampler = "config = { rows = 300, seed = 1, columns = { topic = { category = { values = [\"law\", \"art\"] } }, words = { integer = { from = 1, to = 3 } } } }";
    let text = format!(
        "callboard = 1\n{}{}\n{}{}[outputs.out]\npath = \"out.jsonl\"\n[run]\nbatch_rows = 50\n",
        use_step("sampler", "sampler", sampler),
        asks(&model, "llm", config, ""),
        use_step("filter", "filter", "config = { where = \"score >= 3\" }\n"),
        use_step("exact-dedup", "exact-dedup", "config = { columns = [\"text\"] }\n"),
    );
    let report = bench.pipeline(text.clone()).overwrite().report();
    assert_eq!((step(&report, "sampler").rows_out, step(&report, "llm").rows_out), (300, 300));
    let mut made: Vec<Value> = bench.column("out.jsonl", "text");
    made.sort_by_key(Value::to_string);
    assert_eq!(made, [1, 2, 3].map(|words| json!(format!("On law in {words} words"))));
    // Six different prompts, and the three that were wrong once more.
    assert_eq!(model.requests(), 9);
    let bytes = bench.bytes("out.jsonl");
    bench.pipeline(text).overwrite().report();
    assert_eq!((model.requests(), bench.bytes("out.jsonl") == bytes), (9, true));
}

/// A wrong outcome would give a text the vector of another, or pay for all of them again because of one row.
#[test]
fn embed_gives_each_text_its_vector_and_asks_again_for_what_is_new() {
    let bench = Bench::with_rows(1000);
    let model = Model::start(|_, _| Act::Reply);
    let text = straight(&asks(&model, "embed", "dimensions = 2", "")) + "[run]\nbatch_rows = 500\n";
    bench.pipeline(text.clone()).report();
    let expected =
        |ids: &[Value]| ids.iter().map(|id| json!([format!("row {id}").len() as f64, 1.0])).collect::<Vec<_>>();
    assert_eq!(bench.column("out.jsonl", "embedding"), expected(&bench.column("out.jsonl", "id")));
    let first = model.requests();
    assert!((2..60).contains(&first), "{first} requests for 1,000 texts");
    let mut rows = bench.rows("docs.jsonl");
    rows.insert(0, json!({"id": 1000, "text": "row 1000"}));
    bench.put("docs.jsonl", crate::bench::lines(rows));
    bench.pipeline(text).overwrite().report();
    assert_eq!(bench.column("out.jsonl", "embedding"), expected(&bench.column("out.jsonl", "id")));
    let more = model.requests() - first;
    // The group that it falls into, and those at the end of each batch, which is cut elsewhere.
    assert!((1..=6).contains(&more), "{more} requests for one row more");
}
