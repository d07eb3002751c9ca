//! Help is followed to the letter: what it says is typed, pasted or run, and the command is tried again. It must succeed, or fail at
//! the next mistake, which is another one.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use crate::mistakes::in_pipelines;
use crate::mistakes_around::{around, in_files};
use crate::stage::{Said, Stage};

/// A pipeline with nothing wrong.
const RIGHT: &str = r#"callboard = 1

[inputs.docs]
path = "docs.jsonl"

[[steps]]
use = "text-stats"

[outputs.clean]
path = "clean.jsonl"
"#;

pub(crate) const ROWS: &str = "{\"id\":1,\"text\":\"one two\"}\n{\"id\":2,\"text\":\"three\"}\n";
const RUN: &str = "callboard run pipeline.toml --quiet";

/// A mistake, the error that it is, and who does what its help says.
pub(crate) struct Mistake {
    name: &'static str,
    /// The pipeline; without it, [`RIGHT`].
    pipeline: Option<String>,
    /// Files beside `docs.jsonl`, or in its place.
    files: Vec<(&'static str, Vec<u8>)>,
    /// What has happened before.
    before: &'static str,
    command: &'static str,
    says: &'static str,
    follow: Follow,
    /// What the command fails with then; null if it succeeds.
    then: Option<&'static str>,
}

/// How the help is followed.
pub(crate) enum Follow {
    /// `under `[TABLE]`: LINE`: the line is pasted there, for the one with its key.
    Under,
    /// A line in backticks, or behind the last colon, is pasted into this table, for the one with its key.
    Into(&'static str),
    /// What stands in backticks goes in this text's place.
    For(&'static str),
    /// The lines behind the first are pasted at the end.
    AtTheEnd,
    /// An option behind the colon is added to the command.
    Option,
    /// In words, which this does.
    By(fn(&Stage, &str)),
}

pub(crate) fn mistake(name: &'static str, says: &'static str, follow: Follow) -> Mistake {
    let (pipeline, files, before) = (None, Vec::new(), "");
    Mistake { name, pipeline, files, before, command: RUN, says, follow, then: None }
}

impl Mistake {
    /// In the right pipeline, with this text instead of that.
    pub(crate) fn with(mut self, right: &str, wrong: &str) -> Mistake {
        let text = self.pipeline.unwrap_or_else(|| RIGHT.to_owned());
        assert!(text.contains(right), "{right}");
        self.pipeline = Some(text.replacen(right, wrong, 1));
        self
    }

    pub(crate) fn pipeline(mut self, text: &str) -> Mistake {
        self.pipeline = Some(text.to_owned());
        self
    }

    pub(crate) fn file(mut self, name: &'static str, bytes: impl AsRef<[u8]>) -> Mistake {
        self.files.push((name, bytes.as_ref().to_vec()));
        self
    }

    pub(crate) fn before(mut self, line: &'static str) -> Mistake {
        self.before = line;
        self
    }

    pub(crate) fn command(mut self, line: &'static str) -> Mistake {
        self.command = line;
        self
    }

    pub(crate) fn then(mut self, says: &'static str) -> Mistake {
        self.then = Some(says);
        self
    }

    fn check(&self) -> Result<(), String> {
        let stage = Stage::empty();
        let file = stage.folder.join("pipeline.toml");
        fs::write(&file, self.pipeline.as_deref().unwrap_or(RIGHT)).unwrap();
        fs::write(stage.folder.join("docs.jsonl"), ROWS).unwrap();
        for (name, bytes) in &self.files {
            let path = stage.folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        if !self.before.is_empty() {
            let said = stage.sh(self.before);
            if said.code != Some(0) {
                return Err(format!("before: {}{}", said.stdout, said.stderr));
            }
        }
        let said = stage.sh(self.command);
        if said.code == Some(0) || !said.stderr.contains(self.says) {
            return Err(format!("expected {:?}\n{}{}", self.says, said.stdout, said.stderr));
        }
        let help = help(&said).ok_or(format!("no help\n{}", said.stderr))?;
        let text = || fs::read_to_string(&file).unwrap();
        let wrong = |what: &str| format!("{what} in the help: {help}\n{}", said.stderr);
        let mut command = self.command.to_owned();
        let behind_colon = || help.lines().find_map(|line| line.rsplit_once(": ")).map(|(_, behind)| behind);
        match &self.follow {
            Follow::Under => {
                let (table, line) = under(&help).ok_or_else(|| wrong("no line"))?;
                fs::write(&file, pasted(&text(), table, line)?).unwrap();
            }
            Follow::Into(table) => {
                let line = backticked(&help).filter(|line| line.contains('=')).or_else(behind_colon);
                fs::write(&file, pasted(&text(), table, line.ok_or_else(|| wrong("no line"))?)?).unwrap();
            }
            Follow::For(this) => {
                let that = backticked(&help).ok_or_else(|| wrong("nothing to write"))?;
                command = command.replacen(this, that, 1);
                fs::write(&file, text().replacen(this, that, 1)).unwrap();
            }
            Follow::AtTheEnd => {
                let (_, lines) = help.split_once('\n').ok_or_else(|| wrong("no lines"))?;
                fs::write(&file, format!("{}\n{lines}\n", text())).unwrap();
            }
            Follow::Option => {
                let option = help.find("--").map(|at| help[at..].lines().next().unwrap_or_default());
                let option =
                    option.ok_or_else(|| wrong("no option"))?.split([',', ')', ';', '`']).next().unwrap_or_default();
                command = format!("{command} {option}");
            }
            Follow::By(follow) => {
                let followed = catch_unwind(AssertUnwindSafe(|| follow(&stage, &help)));
                followed.map_err(|_| format!("the help cannot be followed: {help}\n{}", said.stderr))?;
            }
        }
        let again = stage.sh(&command);
        let as_expected = match self.then {
            None => again.code == Some(0),
            Some(then) => again.code != Some(0) && again.stderr.contains(then) && !again.stderr.contains(self.says),
        };
        if as_expected {
            return Ok(());
        }
        let (stdout, stderr) = (&again.stdout, &again.stderr);
        Err(format!("help: {help}\nfollowed:\n{}\n`{command}` says: {stdout}{stderr}", text()))
    }
}

/// The help of the first error, without what it is indented by.
fn help(said: &Said) -> Option<String> {
    let mut lines = said.stderr.lines().skip_while(|line| !line.trim_start().starts_with("help: "));
    let first = lines.next()?;
    let indent = first.find("help: ")? + "help: ".len();
    let more = lines.take_while(|line| line.starts_with(&" ".repeat(indent)));
    let lines: Vec<&str> = std::iter::once(&first[indent..]).chain(more.map(|line| &line[indent..])).collect();
    Some(lines.join("\n"))
}

/// The first text in backticks.
pub(crate) fn backticked(help: &str) -> Option<&str> {
    let begin = help.find('`')? + 1;
    let end = begin + help[begin..].find('`')?;
    Some(&help[begin..end])
}

/// The table and the line of `under `[TABLE]`: LINE`.
fn under(help: &str) -> Option<(&str, &str)> {
    let (_, rest) = help.split_once("under `")?;
    let (table, rest) = rest.split_once("`: ")?;
    // A second way to go on is another sentence.
    let line = rest.lines().next()?.split("; ").next()?;
    Some((table, line))
}

/// The text with a line in a table, in place of the one that sets the same key.
fn pasted(text: &str, table: &str, line: &str) -> Result<String, String> {
    let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let mut lines: Vec<&str> = text.lines().collect();
    let Some(begin) = lines.iter().position(|line| *line == table) else {
        return Err(format!("the help names `{table}`, which the pipeline does not have\n{text}"));
    };
    let end = lines[begin + 1..].iter().position(|line| line.starts_with('[')).map_or(lines.len(), |at| begin + 1 + at);
    match (begin + 1..end).find(|at| key(lines[*at]) == key(line)) {
        Some(at) => lines[at] = line,
        None => lines.insert(begin + 1, line),
    }
    Ok(lines.join("\n") + "\n")
}

pub(crate) fn replace(stage: &Stage, this: &str, that: &str) {
    let file = stage.folder.join("pipeline.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(this), "{this}");
    fs::write(file, text.replacen(this, that, 1)).unwrap();
}

/// Does what `rename it to `NAME`` says, in the pipeline too.
pub(crate) fn rename(stage: &Stage, help: &str) {
    let name = backticked(help.strip_prefix("rename it to ").unwrap()).unwrap();
    let pipeline = fs::read_to_string(stage.folder.join("pipeline.toml")).unwrap();
    let old =
        pipeline.lines().find_map(|line| line.strip_prefix("path = \"")).unwrap().trim_end_matches('"').to_owned();
    fs::rename(stage.folder.join(&old), stage.folder.join(name)).unwrap();
    replace(stage, &old, name);
}

#[test]
fn what_help_says_fixes_what_it_is_about() {
    let all: Vec<Mistake> = [in_pipelines(), in_files(), around()].into_iter().flatten().collect();
    assert!(all.len() >= 40, "{}", all.len());
    let (next, failures) = (Mutex::new(all.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(mistake) = { next.lock().unwrap().next() } {
                    if let Err(why) = mistake.check() {
                        failures.lock().unwrap().push(format!("== {}\n{why}", mistake.name));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} are not fixed\n\n{}", failures.len(), all.len(), failures.join("\n"));
}
