//! What a look at a pipeline has in memory, measured from outside: `check` and `plan`, on every input of these tests, and on small files
//! that hold much.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::hostile::FILES;
use crate::measured::{MOST, each};
use crate::stage::Stage;
use crate::{cases, console};

/// Runs a line, whose exit code must be one of these, or any if there are none.
fn look(stage: &Stage, line: &str, codes: &[i32], most: u64) -> Result<(), String> {
    let line = match codes {
        [] => format!("{line} || true"),
        codes => {
            let is_right: Vec<String> = codes.iter().map(|code| format!("[ $code = {code} ]")).collect();
            format!("{line}; code=$?; echo exit code $code; {}", is_right.join(" || "))
        }
    };
    let measured = stage.measure(&line);
    match () {
        () if !measured.success => Err(format!("`{line}` ended otherwise\n{}", measured.said)),
        () if measured.peak > most => Err(format!("`{line}` had {} MiB in memory", measured.peak >> 20)),
        () => Ok(()),
    }
}

/// Every pipeline of every case, and the commands of cases, in turn, as far as the last that only looks.
#[test]
fn looking_at_any_input_of_these_tests_takes_little() {
    let names: Vec<String> = cases().iter().map(|case| case.display().to_string()).collect();
    let looked = AtomicUsize::new(0);
    each(names, |case| {
        let case = Path::new(case);
        let stage = Stage::set(case);
        let look = |line: &str| {
            looked.fetch_add(1, Ordering::Relaxed);
            look(&stage, line, &[], MOST)
        };
        for path in fs::read_dir(case).unwrap().map(|entry| entry.unwrap().path()) {
            let is_pipeline = path.extension().is_some_and(|extension| extension == "toml" || extension == "json");
            if is_pipeline && fs::read_to_string(&path).is_ok_and(|text| text.contains("callboard")) {
                look(&format!("callboard check '{}'", path.file_name().unwrap().display()))?;
            }
        }
        let commands = console::commands(&fs::read_to_string(case.join("console.txt")).unwrap());
        let is_look = |line: &str| line.contains("callboard check") || line.contains("callboard plan");
        let last = commands.iter().rposition(|command| is_look(&command.line)).map_or(0, |last| last + 1);
        for command in &commands[..last] {
            match is_look(&command.line) {
                true => look(&command.line)?,
                false => drop(stage.sh(&command.line)),
            }
        }
        Ok(())
    });
    let looked = looked.into_inner();
    assert!(looked > 100 || std::env::var_os("CASE").is_some(), "{looked} looks");
}

/// A pipeline that copies one file to another format.
fn copying(stage: &Stage, name: &str, output: &str) -> String {
    let text = format!("callboard = 1\n[inputs.docs]\npath = \"{name}\"\n[outputs.all]\npath = \"{name}.{output}\"\n");
    let file = format!("{name}-{output}.toml");
    fs::write(stage.folder.join(&file), text).unwrap();
    file
}

/// Such files are read, or refused as data or by a limit, or since a format holds no rows without columns.
#[test]
fn looking_at_a_small_file_that_holds_much_takes_little() {
    let stage = Stage::empty();
    each(FILES.iter().map(|(name, _)| (*name).to_owned()).collect(), |name| {
        fs::write(stage.folder.join(name), crate::hostile::bytes(name)).unwrap();
        ["jsonl", "parquet"].iter().try_for_each(|output| {
            look(&stage, &format!("callboard check {}", copying(&stage, name, output)), &[0, 2, 3, 4], MOST)
        })
    });
}

/// Of which 16 MiB are for the process.
const BUDGET: u64 = 128 << 20;
/// What no writer and no reader says: pages that are packed, batches that are cut, the memory that the allocator keeps.
const UNSAID: u64 = 64 << 20;

/// A row of text is read before its size is known, up to what its limits allow, which are lower where there is little memory.
#[test]
fn running_over_a_small_file_that_holds_much_keeps_to_the_budget() {
    let stage = Stage::empty();
    each(FILES.iter().map(|(name, _)| (*name).to_owned()).collect(), |name| {
        fs::write(stage.folder.join(name), crate::hostile::bytes(name)).unwrap();
        ["jsonl.zst", "parquet", "arrow"].iter().try_for_each(|output| {
            let pipeline = copying(&stage, name, output);
            let limits = "--set inputs.docs.limits.line=16MiB --set inputs.docs.limits.batch=64MiB";
            let line = format!("callboard run -q --limit 500 --no-resume --budget 128MiB {limits} {pipeline}");
            look(&stage, &line, &[0, 2, 3, 4], BUDGET + UNSAID)
        })
    });
}

/// A gigabyte of texts of half a megabyte each, of which few are in memory at one moment: what they leave is not kept.
#[cfg(target_env = "gnu")]
#[test]
fn memory_that_is_freed_goes_back_to_the_system() {
    let stage = Stage::empty();
    fs::write(stage.folder.join("dictionary.arrow"), crate::hostile::bytes("dictionary.arrow")).unwrap();
    let pipeline = copying(&stage, "dictionary.arrow", "parquet");
    look(&stage, &format!("callboard run -q --limit 2000 --no-resume {pipeline}"), &[0], 128 << 20).unwrap();
}

/// Params that are used often, up to what a pipeline may be and beyond it; the step refuses its configuration in each.
#[test]
fn looking_at_a_pipeline_that_grows_takes_little() {
    let stage = Stage::empty();
    fs::write(stage.folder.join("i.jsonl"), "{\"a\":1}\n").unwrap();
    let frame = "callboard = 1\n[inputs.i]\npath = \"i.jsonl\"\n[outputs.o]\npath = \"o.jsonl\"\n";
    let values = [
        ("short", "\"xxxxxxxxxx\"".to_owned()),
        ("long", format!("\"{}\"", "x".repeat(100_000))),
        ("list", format!("[{}]", "1, ".repeat(10_000))),
        ("table", format!("{{ {} }}", (0..1000).map(|key| format!("k{key} = {{}}")).collect::<Vec<_>>().join(", "))),
    ];
    for (name, value) in values {
        for times in [10, 100, 1_000, 10_000, 100_000] {
            let uses = "\"${params.a}\", ".repeat(times);
            let text = format!("{frame}[params]\na = {value}\n[[steps]]\nuse = \"select\"\nconfig.x = [{uses}]\n");
            fs::write(stage.folder.join("p.toml"), text).unwrap();
            look(&stage, "callboard check p.toml", &[2], MOST)
                .map_err(|error| format!("{name} {times}: {error}"))
                .unwrap();
        }
    }
}
