//! Mistakes in what a pipeline reads and writes, and on the command line, for [`followed`](crate::followed).

use std::fs;

use crate::followed::Follow::{By, For, Into as In, Option as Opt, Under};
use crate::followed::{Mistake, ROWS, backticked, mistake, rename, replace};

/// Files that are not as they seem.
pub(crate) fn in_files() -> Vec<Mistake> {
    let many = |row: &str| row.repeat(1_200);
    let late = |row: &str, last: &str| many(row) + last + "\n";
    vec![
        mistake("a later value of another type", "should be int64, found", Under)
            .file("docs.jsonl", late("{\"id\":1,\"text\":\"a\"}\n", "{\"id\":\"x\",\"text\":\"b\"}")),
        mistake("a later fraction", "should be int64, found", Under)
            .file("docs.jsonl", late("{\"id\":1,\"text\":\"a\"}\n", "{\"id\":1.5,\"text\":\"b\"}")),
        mistake("a later key", "is a key that the sample", Under)
            .file("docs.jsonl", late("{\"id\":1,\"text\":\"a\"}\n", "{\"url\":\"x\",\"text\":\"b\"}")),
        mistake("a number beyond floats", "out of the range of float64", Under)
            .file("docs.jsonl", "{\"id\":1e400,\"text\":\"a\"}\n"),
        mistake("half a character", "surrogate", Under).file("docs.jsonl", "{\"id\":\"\\ud83d\",\"text\":\"a\"}\n"),
        mistake("a deep value", "deep", Under)
            .file("docs.jsonl", format!("{{\"id\":{}1{},\"text\":\"a\"}}\n", "[".repeat(200), "]".repeat(200))),
        mistake("a key twice in an object", "twice", Under)
            .file("docs.jsonl", "{\"id\":{\"a\":1,\"a\":2},\"text\":\"a\"}\n"),
        mistake(
            "a type that there is none of",
            "there is no type `int65`",
            By(|stage, help| {
                assert!(help.contains("int64"), "{help}");
                replace(stage, "int65", "int64");
            }),
        )
        .with("docs.jsonl\"\n", "docs.jsonl\"\ntypes = { id = \"int65\" }\n"),
        mistake("columns that change from row to row", "columns", Under)
            .with("docs.jsonl\"\n", "docs.jsonl\"\nlimits = { columns = 10 }\n")
            .file(
                "docs.jsonl",
                (0..20).map(|n| format!("{{\"text\":\"a\",\"s\":{{\"k{n}\":1}}}}\n")).collect::<String>(),
            ),
        mistake("a long line", "line", Under)
            .with("docs.jsonl\"\n", "docs.jsonl\"\nlimits = { line = \"1KiB\" }\n")
            .file("docs.jsonl", format!("{{\"id\":1,\"text\":\"{}\"}}\n", "a".repeat(2_000))),
        mistake("rows that tell no columns", "column", Under).file("docs.jsonl", ""),
        mistake("another delimiter", "delimiter", Under)
            .with("docs.jsonl", "docs.csv")
            .file("docs.csv", "id;text\n1;a\n"),
        mistake("a later value of another type in CSV", "should be int64, found", Under)
            .with("docs.jsonl", "docs.csv")
            .file("docs.csv", format!("id,text\n{}x,b\n", "1,a\n".repeat(1_200))),
        mistake("a folder", "this is a folder", In("[inputs.docs]"))
            .with("docs.jsonl", "data")
            .file("data/a.jsonl", ROWS),
        mistake(
            "an extension of no format",
            "format",
            By(|stage, help| {
                let line = help[help.find("format = ").unwrap()..].split(" or ").next().unwrap().to_owned();
                replace(stage, "docs.dat\"\n", &format!("docs.dat\"\n{line}\n"));
            }),
        )
        .with("docs.jsonl", "docs.dat")
        .file("docs.dat", ROWS),
        mistake(
            "a format of no name",
            "unknown format `jsnol`",
            By(|stage, help| replace(stage, "\"jsnol\"", &format!("{:?}", backticked(help).unwrap()))),
        )
        .with("docs.jsonl\"\n", "docs.jsonl\"\nformat = \"jsnol\"\n"),
        mistake("gzip without its extension", "the file is gzip", By(rename))
            .before("gzip docs.jsonl && mv docs.jsonl.gz docs.jsonl"),
        mistake("text with gzip's extension", "not gzip", By(rename))
            .with("docs.jsonl", "docs.jsonl.gz")
            .file("docs.jsonl.gz", ROWS)
            .before("rm docs.jsonl"),
        mistake(
            "lines of another system",
            "carriage return",
            By(|stage, help| {
                let command = &help[help.find("tr ").unwrap()..];
                assert_eq!(stage.sh(&format!("{command} < docs.jsonl > new && mv new docs.jsonl")).code, Some(0));
            }),
        )
        .file("docs.jsonl", ROWS.replace('\n', "\r")),
        mistake(
            "another encoding",
            "not UTF-8",
            By(|stage, help| {
                let command = help[help.find("iconv ").unwrap()..].split(',').next().unwrap().to_owned();
                assert_eq!(stage.sh(&format!("{command} docs.jsonl > new && mv new docs.jsonl")).code, Some(0));
            }),
        )
        .file("docs.jsonl", b"{\"id\":1,\"text\":\"caf\xe9\"}\n"),
        mistake(
            "brackets in a name",
            "matches no file",
            By(|stage, help| {
                let path = help[help.find('"').unwrap()..].to_owned();
                let path = &path[..path[1..].find('"').unwrap() + 2];
                replace(stage, "\"docs[v1]*.jsonl\"", path);
            }),
        )
        .with("docs.jsonl", "docs[v1]*.jsonl")
        .file("docs[v1]-a.jsonl", ROWS),
    ]
}

/// What is where something else should be, and what the command line says.
pub(crate) fn around() -> Vec<Mistake> {
    vec![
        mistake("an output that is there", "is there already", Opt).file("clean.jsonl", "mine\n"),
        mistake("a link where an output goes", "link", In("[outputs.clean]"))
            .before("touch other.jsonl; ln -s other.jsonl clean.jsonl")
            .then("is there already"),
        mistake(
            "a link where an output goes, removed",
            "link",
            By(|stage, help| {
                let command = &help[help.find("rm ").unwrap()..];
                assert_eq!(stage.sh(command.lines().next().unwrap()).code, Some(0), "{command}");
            }),
        )
        .before("touch other.jsonl; ln -s other.jsonl clean.jsonl"),
        mistake(
            "a run's folder that is not empty",
            "is not empty",
            By(|stage, help| {
                let option = help[help.find("--run-dir").unwrap()..].replace("DIR", "new");
                fs::write(stage.folder.join("option"), option).unwrap();
            }),
        )
        .command("callboard run pipeline.toml --quiet $(cat option 2>/dev/null || echo --run-dir full)")
        .file("full/mine", "x"),
        mistake(
            "a budget that is too small",
            "budget",
            By(|stage, help| {
                let option = help[help.find("--budget").unwrap()..].lines().next().unwrap();
                fs::write(stage.folder.join("option"), option).unwrap();
            }),
        )
        .command("callboard run pipeline.toml --quiet $(cat option 2>/dev/null || echo --budget 1MiB)"),
        mistake(
            "lists into CSV",
            "cannot hold",
            By(|stage, help| {
                assert!(help.starts_with("write jsonl"), "{help}");
                replace(stage, "clean.csv", "clean.jsonl");
            }),
        )
        .with("clean.jsonl", "clean.csv")
        .file("docs.jsonl", "{\"text\":\"a\",\"tags\":[1,2]}\n"),
        mistake(
            "a compressed Parquet",
            "compress",
            By(|stage, help| {
                let name = &help[help.find('"').unwrap()..];
                replace(stage, "\"clean.parquet.gz\"", &name[..name[1..].find('"').unwrap() + 2]);
            }),
        )
        .with("clean.jsonl", "clean.parquet.gz"),
        mistake("a column of an output", "there is no column `txet`", For("txet"))
            .with("[outputs.clean]\n", "[outputs.clean]\ncolumns = [\"txet\"]\n"),
        mistake("a row that a step rejects", "row", In("[[steps]]"))
            .with("use = \"text-stats\"\n", "use = \"../guests/picky.wasm\"\nconfig = { reject = [\"three\"] }\n"),
        mistake("less memory than a step needs", "memory", In("[[steps]]"))
            .with("text-stats\"\n", "text-stats\"\nlimits.memory = \"64KiB\"\n"),
        mistake(
            "columns that the side doors have",
            "_reason",
            By(|stage, help| {
                let step = help.split_once(": ").unwrap().1.replace(", config", "\nconfig");
                replace(stage, "[[steps]]", &format!("[[steps]]\n{step}\n\n[[steps]]"));
            }),
        )
        .with("[outputs", "[outputs.gone]\nfrom = \"text-stats.dropped\"\npath = \"gone.jsonl\"\n[outputs")
        .file("docs.jsonl", "{\"text\":\"a\",\"_reason\":\"b\"}\n"),
        mistake(
            "a file that is granted and not there",
            "words.txt",
            By(|stage, help| {
                assert!(help.contains("put it there"), "{help}");
                fs::write(stage.folder.join("words.txt"), "x").unwrap();
            }),
        )
        .with("text-stats\"\n", "text-stats\"\ngrant.files = [\"words.txt\"]\n"),
        mistake(
            "a variable that is not set",
            "STAGE_WORD",
            By(|stage, help| {
                let line = help[help.find("export ").unwrap()..].replace('…', "x");
                fs::write(stage.folder.join("env"), line).unwrap();
            }),
        )
        .with("text-stats\"\n", "text-stats\"\ngrant.env = [\"STAGE_WORD\"]\n")
        .command("[ -f env ] && . ./env; callboard run pipeline.toml --quiet"),
        mistake(
            "a run that is none",
            "is not a run",
            By(|stage, help| {
                let command = help.split_once(": ").unwrap().1.replace("FILE", "pipeline.toml");
                fs::write(stage.folder.join("command"), command).unwrap();
            }),
        )
        .before("mkdir none")
        .command("if [ -f command ]; then sh command; else callboard resume none; fi"),
        mistake(
            "a profile of no step",
            "text-stat",
            By(|stage, help| {
                assert!(help.contains("text-stats"), "{help}");
                fs::write(stage.folder.join("env"), "NAME=text-stats").unwrap();
            }),
        )
        .command("NAME=text-stat; [ -f env ] && . ./env; callboard run pipeline.toml -q --profile $NAME"),
        mistake(
            "a bundled step that there is none of",
            "text-stat",
            By(|stage, help| {
                let (_, names) = help.lines().next().unwrap().split_once(": ").unwrap();
                let name = names.split(", ").find(|name| *name == "`text-stats`").unwrap().trim_matches('`');
                fs::write(stage.folder.join("env"), format!("NAME={name}")).unwrap();
            }),
        )
        .command("NAME=text-stat; [ -f env ] && . ./env; callboard steps $NAME"),
        mistake(
            "a comparison of what is piped",
            "reads the pipeline twice",
            By(|stage, help| {
                let command = help.split_once(": ").unwrap().1.replace("FILE", "pipeline.toml");
                fs::write(stage.folder.join("compare"), command).unwrap();
            }),
        )
        .command("if [ -f compare ]; then sh compare; else callboard compare - < pipeline.toml; fi"),
        mistake(
            "a setting without its value",
            "has no `=`",
            By(|stage, help| {
                assert!(help.contains("NAME=VALUE") || help.contains('='), "{help}");
                fs::write(stage.folder.join("env"), "SET=run.seed=5").unwrap();
            }),
        )
        .command("SET=run.seed; [ -f env ] && . ./env; callboard run pipeline.toml -q --set $SET"),
        mistake(
            "a component without its path",
            "there is no file and no bundled step `echo`",
            By(|stage, help| {
                let path = help.split_once(": ").unwrap().1;
                fs::write(stage.folder.join("env"), format!("NAME={path}")).unwrap();
                assert_eq!(stage.sh("cp ../guests/echo.wasm .").code, Some(0));
            }),
        )
        .command("NAME=echo; [ -f env ] && . ./env; callboard step inspect $NAME"),
        mistake(
            "a configuration that is no JSON",
            "is not JSON",
            By(|stage, help| {
                let option = help.split_once(": ").unwrap().1.replace("min", "column").replace('3', "\"text\"");
                fs::write(stage.folder.join("command"), format!("callboard step run text-stats {option} < docs.jsonl"))
                    .unwrap();
            }),
        )
        .command(
            "if [ -f command ]; then sh command; else callboard step run text-stats --config nonsense < docs.jsonl; fi",
        ),
    ]
}
