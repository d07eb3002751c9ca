//! Every example that `callboard steps NAME` shows runs as it is, and gives what it says: as a command line, and in a pipeline.

use std::fs;

use serde_json::Value;

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
        let said = stage.sh(&here(command.strip_prefix("$ ").unwrap()));
        assert_eq!((said.code, said.stdout), (Some(0), expected.clone()), "{command}\n{}", said.stderr);

        let file = repository("plugins").join(name).join("example.json");
        let file: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
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
