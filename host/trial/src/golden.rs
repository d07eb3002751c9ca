//! The golden test: what is written down beside a step, and what it makes of the same rows now.

use callboard_words::{Help, Setting};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use callboard_io::FilePlace;
use callboard_plan::Kind;
use callboard_runtime::{Class, PutOut};
use serde_json::{Value, json};

use crate::rows::{lines, objects, read};
use crate::{Result, Subject, Trial, error, unread};

/// Differences that are shown; the rest are counted.
const TOLD: usize = 10;

/// The result of a golden test.
pub struct Golden {
    /// The rows of each input: what the step can be driven over.
    pub rows: Vec<RecordBatch>,
    /// Figures, for a test that passed: `5 rows in, 2 out, 3 removed`.
    pub figures: String,
    /// What differs, in lines; empty where nothing does.
    pub differences: Vec<String>,
    out: Vec<String>,
    removed: Vec<String>,
}

/// The files of a step's rows: `rows.jsonl`, `rows-2.jsonl` and so on, those that are there.
pub fn inputs(subject: &Subject) -> Vec<PathBuf> {
    let names = std::iter::once("rows.jsonl".to_owned()).chain((2..).map(|nth| format!("rows-{nth}.jsonl")));
    names.map(|name| subject.file(&name)).take_while(|path| path.is_file()).collect()
}

fn expected_file(subject: &Subject) -> PathBuf {
    subject.file("expected.jsonl")
}

fn removed_file(subject: &Subject) -> PathBuf {
    subject.file("expected-removed.jsonl")
}

/// Runs the step over its rows, and compares what comes out with what is expected. Without `expected.jsonl`, everything differs.
///
/// # Errors
///
/// Files that are not there or cannot be read, and whatever the step does wrong.
pub fn golden(trial: &Trial) -> Result<Golden> {
    let subject = &trial.subject;
    let paths = inputs(subject);
    if trial.probe.kind() != Kind::Source && paths.is_empty() {
        let message = format!("there is no `{}`", subject.file("rows.jsonl").display());
        let help = Help::from("put rows there, one JSON object a line; then: ").set(Setting::Bless);
        return Err(error(Class::Pipeline, message, Some(help)));
    }
    let paths = if trial.probe.kind() == Kind::Source { Vec::new() } else { paths };
    let (rows, put_out) = crate::pipe::at_once(trial, &paths)?;
    let (out, removed) = (lines(&put_out)?, removed_lines(&put_out));
    let mut differences = Vec::new();
    match objects(&expected_file(subject))? {
        None => differences.push("there is no `expected.jsonl` yet".to_owned()),
        Some(expected) => compare("row", &expected, &values(&out), &mut differences),
    }
    let expected = objects(&removed_file(subject))?.unwrap_or_default();
    compare("removed row", &expected, &values(&removed), &mut differences);
    if differences.len() > TOLD {
        let more = differences.len() - TOLD;
        differences.truncate(TOLD);
        differences.push(format!("and {more} more"));
    }
    let rows_in = rows.first().map_or(String::new(), |rows| format!("{} rows in, ", rows.num_rows()));
    let figures = format!("{rows_in}{} out, {} removed", out.len(), removed.len());
    Ok(Golden { rows, figures, differences, out, removed })
}

impl Golden {
    /// Writes down what came out, and says what that changed.
    ///
    /// # Errors
    ///
    /// Files that cannot be written.
    pub fn bless(&self, subject: &Subject) -> Result<Vec<String>> {
        let mut changes = Vec::new();
        for (path, lines) in [(expected_file(subject), &self.out), (removed_file(subject), &self.removed)] {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let before = read(&path).ok();
            let absent = lines.is_empty() && path == removed_file(subject);
            match (&before, absent) {
                (None, true) => {}
                (Some(_), true) => {
                    std::fs::remove_file(&path).map_err(|said| unread("remove", &path, &said))?;
                    changes.push(format!("{}: removed, since no row is", path.display()));
                }
                (Some(before), false) if *before == text => {}
                _ => {
                    write(&path, &text)?;
                    let count =
                        before.map_or("new".to_owned(), |before| format!("{} lines before", before.lines().count()));
                    changes.push(format!("{}: {} lines, {count}", path.display(), lines.len()));
                }
            }
        }
        Ok(changes)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    // Somebody else may have made the folder: a link in it is not written through.
    Ok(FilePlace::find(path)?.write(text.as_bytes())?)
}

/// The rows that went no further, in the order of the input, each with the line that it stands in, from 1.
fn removed_lines(put_out: &PutOut) -> Vec<String> {
    let line = |removed: &callboard_runtime::RemovedRow| {
        let fate = if removed.rejected { "rejected" } else { "dropped" };
        json!({ "row": removed.row + 1, "fate": fate, "reason": removed.reason }).to_string()
    };
    put_out.removed.iter().map(line).collect()
}

fn values(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).expect("rows are written as JSON")).collect()
}

/// Says in lines what differs. Rows that are the same at the beginning and at the end are passed over, so that one row more or less is
/// reported as that.
fn compare(what: &str, expected: &[Value], found: &[Value], differences: &mut Vec<String>) {
    let least = expected.len().min(found.len());
    let same = expected.iter().zip(found).take_while(|(a, b)| a == b).count();
    let behind = expected.iter().rev().zip(found.iter().rev()).take_while(|(a, b)| a == b).count().min(least - same);
    let (expected, found) = (&expected[same..expected.len() - behind], &found[same..found.len() - behind]);
    for at in 0..expected.len().max(found.len()) {
        let number = same + at + 1;
        match (expected.get(at), found.get(at)) {
            (Some(expected), Some(found)) => columns(what, number, expected, found, differences),
            (Some(expected), None) => {
                differences.push(format!("{what} {number}: expected {expected}, and it is missing"))
            }
            (None, Some(found)) => differences.push(format!("{what} {number}: not expected, found {found}")),
            (None, None) => {}
        }
    }
}

/// The columns in which two rows differ.
fn columns(what: &str, number: usize, expected: &Value, found: &Value, differences: &mut Vec<String>) {
    let (Some(wanted), Some(got)) = (expected.as_object(), found.as_object()) else {
        if expected != found {
            differences.push(format!("{what} {number}: expected {expected}, found {found}"));
        }
        return;
    };
    for (key, value) in wanted {
        match got.get(key) {
            Some(found) if found == value => {}
            Some(found) => differences.push(format!("{what} {number}, `{key}`: expected {value}, found {found}")),
            None => {
                differences.push(format!("{what} {number}, `{key}`: expected {value}, and there is no such column"))
            }
        }
    }
    for (key, value) in got.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
        differences.push(format!("{what} {number}, `{key}`: not expected, found {value}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::compare;

    fn differences(expected: &[serde_json::Value], found: &[serde_json::Value]) -> Vec<String> {
        let mut differences = Vec::new();
        compare("row", expected, found, &mut differences);
        differences
    }

    #[test]
    fn a_difference_names_the_row_the_column_and_both_values() {
        let (a, b) = (json!({"id": 1, "n": 2}), json!({"n": 3, "id": 1}));
        assert_eq!(differences(&[a.clone(), a.clone()], &[a.clone(), b]), ["row 2, `n`: expected 2, found 3"]);
        assert_eq!(
            differences(std::slice::from_ref(&a), &[json!({"id": 1})]),
            ["row 1, `n`: expected 2, and there is no such column"]
        );
        assert!(differences(&[a], &[json!({"n": 2, "id": 1})]).is_empty(), "the order of keys means nothing");
    }

    #[test]
    fn a_row_more_or_less_does_not_shift_the_others() {
        let rows: Vec<_> = (0..5).map(|id| json!({ "id": id })).collect();
        let mut fewer = rows.clone();
        fewer.remove(2);
        assert_eq!(differences(&rows, &fewer), ["row 3: expected {\"id\":2}, and it is missing"]);
        assert_eq!(differences(&fewer, &rows), ["row 3: not expected, found {\"id\":2}"]);
    }
}
