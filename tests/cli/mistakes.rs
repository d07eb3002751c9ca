//! Mistakes in a pipeline's own words, for [`followed`](crate::followed).

use std::fs;

use crate::followed::Follow::{AtTheEnd, By, For, Into as In};
use crate::followed::{Mistake, ROWS, backticked, mistake, replace};

pub(crate) fn in_pipelines() -> Vec<Mistake> {
    let second = "[[steps]]\nuse = \"text-stats\"\n\n[outputs";
    vec![
        mistake(
            "no version",
            "callboard = 1",
            By(|stage, help| {
                let line = backticked(help).unwrap();
                replace(stage, "\n[inputs", &format!("{line}\n[inputs"));
            }),
        )
        .with("callboard = 1\n", ""),
        mistake("a version in quotes", "callboard", For("callboard = \"1\""))
            .with("callboard = 1", "callboard = \"1\""),
        mistake(
            "nothing",
            "the pipeline is empty",
            By(|stage, help| {
                fs::write(stage.folder.join("pipeline.toml"), backticked(help).unwrap()).unwrap();
            }),
        )
        .pipeline("")
        .then("no inputs, steps or outputs"),
        mistake("nothing but a version", "no inputs, steps or outputs", AtTheEnd)
            .pipeline("callboard = 1\n")
            .then("input"),
        mistake("a step and no input", "has nothing to read", AtTheEnd)
            .pipeline("callboard = 1\n[[steps]]\nuse = \"normalise\"\n")
            .file("data/a.jsonl", ROWS),
        mistake("a key", "unknown key `paht`", For("paht")).with("path = \"docs", "paht = \"docs"),
        mistake("a bundled step", "`text-stat` is not a bundled step", For("text-stat"))
            .with("text-stats", "text-stat"),
        mistake(
            "a name in from",
            "which is not an input or step",
            By(|stage, help| replace(stage, "from = \"doc\"", &format!("from = {:?}", backticked(help).unwrap()))),
        )
        .with("[outputs.clean]\n", "[outputs.clean]\nfrom = \"doc\"\n"),
        mistake("a door", "does not have", For("text-stats.droped"))
            .with("[outputs.clean]\n", "[outputs.clean]\nfrom = \"text-stats.droped\"\n"),
        mistake("a door that has no row", "never has a row", In("[[steps]]"))
            .with("[outputs.clean]\n", "[outputs.clean]\nfrom = \"text-stats.rejected\"\n"),
        mistake("a budget of rejects without rejects", "max_rejects", In("[[steps]]"))
            .with("[outputs", "max_rejects = 5\n[outputs"),
        mistake(
            "a size without a unit",
            "without a unit",
            By(|stage, help| replace(stage, "512", help.split(' ').rfind(|word| word.starts_with('"')).unwrap())),
        )
        .with("[outputs", "[run]\nbudget = 512\n[outputs"),
        mistake(
            "an input that nothing reads",
            "nothing reads",
            By(|stage, help| {
                assert!(help.contains("or remove it"), "{help}");
                replace(stage, "\n[inputs.more]\npath = \"docs.jsonl\"\n", "");
            }),
        )
        .with("\n[[steps]]", "\n[inputs.more]\npath = \"docs.jsonl\"\n\n[[steps]]\nfrom = \"docs\""),
        mistake("two inputs by default", "there are 2 inputs", In("[[steps]]"))
            .then("nothing reads input `more`")
            .with("\n[[steps]]", "\n[inputs.more]\npath = \"docs.jsonl\"\n\n[[steps]]"),
        mistake(
            "a step twice",
            "two are called `text-stats`",
            By(|stage, help| {
                let line = &help[help.find("name = ").unwrap()..];
                let line = &line[..line.find('`').unwrap()];
                replace(
                    stage,
                    "use = \"text-stats\"\n\n[outputs",
                    &format!("use = \"text-stats\"\n{line}\n\n[outputs"),
                );
            }),
        )
        .with("[outputs", second),
        mistake(
            "two of one name",
            "two are called `docs`",
            By(|stage, help| {
                let name = &help[help.find("such as `").unwrap() + 9..];
                replace(stage, "name = \"docs\"", &format!("name = \"{}\"", &name[..name.find('`').unwrap()]));
            }),
        )
        .with("[[steps]]\n", "[[steps]]\nname = \"docs\"\n"),
        mistake(
            "a value without quotes",
            "is not a value",
            By(|stage, help| replace(stage, "= text-stats", &format!("= {}", help.split_once(": ").unwrap().1))),
        )
        .with("\"text-stats\"", "text-stats"),
        mistake(
            "a list of one",
            "expected a list",
            By(|stage, help| {
                let list = &help[help.find('[').unwrap()..];
                replace(stage, "columns = \"text\"", &format!("columns = {list}"));
            }),
        )
        .with("[outputs.clean]\n", "[outputs.clean]\ncolumns = \"text\"\n"),
        mistake("a key twice", "duplicate key", By(|stage, _| replace(stage, "path = \"docs.jsonl\"\npath", "path")))
            .with("path", "path = \"docs.jsonl\"\npath"),
        mistake(
            "a param without its table",
            "is not a param",
            By(|stage, help| replace(stage, "${file}", &backticked(help).unwrap().replace("NAME", "file"))),
        )
        .with("docs.jsonl", "${file}.jsonl")
        .with("[inputs", "[params]\nfile = \"docs\"\n\n[inputs"),
        mistake("a param's name", "unknown param `fiel`", For("${params.fiel}"))
            .with("[inputs", "[params]\nfile = \"docs\"\n\n[inputs")
            .with("docs.jsonl", "${params.fiel}.jsonl"),
        mistake(
            "a brace that nothing closes",
            "has no `}`",
            By(|stage, help| {
                assert_eq!(backticked(help), Some("$${"));
                replace(stage, "${", "$${");
            }),
        )
        .with("clean.jsonl", "cl${ean.jsonl"),
        mistake(
            "two outputs in one file",
            "clean.jsonl",
            By(|stage, help| {
                assert!(help.contains("its own `path`"), "{help}");
                replace(stage, "[outputs.more]\npath = \"clean", "[outputs.more]\npath = \"more");
            }),
        )
        .with("[outputs", "[outputs.more]\npath = \"clean.jsonl\"\n[outputs"),
        mistake(
            "an output that is an input",
            "docs.jsonl",
            By(|stage, help| {
                assert!(help.contains("another `path`"), "{help}");
                replace(stage, "clean]\npath = \"docs", "clean]\npath = \"cleaned");
            }),
        )
        .with("clean.jsonl", "docs.jsonl"),
        mistake(
            "a group of load groups",
            "load_groups",
            By(|stage, help| {
                replace(stage, "load_groups = \"steps\"", backticked(help).unwrap());
            }),
        )
        .with("[outputs", "[run]\nload_groups = \"steps\"\n[outputs"),
        mistake("a secret without requests", "grant.secret", In("[[steps]]")).with(
            "[outputs",
            "[steps.grant.secret.\"api.example.org\"]\nheader = \"Authorization\"\nvalue = \"${env.HOME}\"\n\n[outputs",
        ),
    ]
}
