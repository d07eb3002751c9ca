//! Rows to work on, made as they are written: documents of some 400 characters, the same on every machine.
//!
//! As the reference data set has them: plain ASCII in mixed case with irregular white space; one row of five says again what an
//! earlier one said, in another case and with other spaces; one of ten is short. Every row is made of random numbers of its own,
//! so that nothing has to be remembered, whatever the number of rows.
//!
//! [`Expected`] is the work done once more, in the plainest way: normalise, keep the first of each text, keep 20 words and more,
//! digest. Everybody's output is compared with it.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::Result;

/// Words to make documents of.
const VOCABULARY: u64 = 3000;

/// Random numbers below bounds.
struct Random(Pcg64Mcg);

impl Random {
    /// Those of this kind for this number: neighbours have nothing in common.
    fn of(kind: u64, number: u64) -> Random {
        let spread = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let mut random = Pcg64Mcg::new(spread ^ (u128::from(kind) << 96));
        random.next_u64();
        Random(random)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Documents, by their numbers.
pub struct Documents {
    vocabulary: Vec<String>,
}

impl Documents {
    /// All of them.
    #[allow(clippy::new_without_default, reason = "it makes a vocabulary")]
    pub fn new() -> Documents {
        let word = |number| {
            let mut random = Random::of(1, number);
            let letters = 2 + random.below(9);
            (0..letters).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
        };
        Documents { vocabulary: (0..VOCABULARY).map(word).collect() }
    }

    /// The row whose words row `number` has: itself, or an earlier one.
    fn original(number: u64) -> u64 {
        let mut number = number;
        loop {
            let mut random = Random::of(2, number);
            if number == 0 || !random.chance(20) {
                return number;
            }
            number = random.below(number);
        }
    }

    /// The text of a row.
    pub fn text(&self, number: u64) -> String {
        let mut words = Random::of(3, Self::original(number));
        let mut dress = Random::of(4, number);
        let count = if words.chance(10) { 5 + words.below(15) } else { 35 + words.below(51) };
        let mut text = String::with_capacity(512);
        for _ in 0..count {
            let word = &self.vocabulary[words.below(VOCABULARY) as usize];
            match dress.below(100) {
                0..5 => text.extend(word.chars().map(|letter| letter.to_ascii_uppercase())),
                5..25 => {
                    text.push(char::from(word.as_bytes()[0].to_ascii_uppercase()));
                    text.push_str(&word[1..]);
                }
                _ => text.push_str(word),
            }
            text.push_str(match dress.below(100) {
                0..90 => " ",
                90..95 => "  ",
                95..98 => "\t",
                _ => "\n",
            });
        }
        text
    }

    /// Writes rows as JSON lines: `{"id":0,"text":"…"}`.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, path: &Path, rows: u64) -> Result<Expected> {
        let failed = |error: std::io::Error| format!("cannot write `{}`: {error}", path.display());
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(failed)?);
        let mut expected = Expecting::default();
        for id in 0..rows {
            let text = self.text(id);
            expected.row(id, &text);
            let escaped = text.replace('\t', "\\t").replace('\n', "\\n");
            writeln!(file, "{{\"id\":{id},\"text\":\"{escaped}\"}}").map_err(failed)?;
        }
        file.flush().map_err(failed)?;
        Ok(expected.end())
    }
}

/// What must come of the reference work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Rows put out.
    pub rows: u64,
    /// SHA-256 over `ID TAB HASH LF` of the rows put out, in order.
    pub digest: String,
}

#[derive(Default)]
struct Expecting {
    seen: HashSet<u128>,
    rows: u64,
    digest: Sha256,
}

impl Expecting {
    fn row(&mut self, id: u64, text: &str) {
        let text = text.to_ascii_lowercase();
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let hash = Sha256::digest(words.join(" "));
        let begin: [u8; 16] = hash[..16].try_into().expect("it has 32 bytes");
        if self.seen.insert(u128::from_le_bytes(begin)) && words.len() >= 20 {
            self.put_out(id, &hex(&hash));
        }
    }

    fn put_out(&mut self, id: u64, hash: &str) {
        self.rows += 1;
        self.digest.update(format!("{id}\t{hash}\n"));
    }

    fn end(self) -> Expected {
        Expected { rows: self.rows, digest: hex(&self.digest.finalize()) }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Expected {
    /// Holds what was put out, as JSON lines in whatever order, against what must come.
    ///
    /// # Errors
    ///
    /// What differs, or cannot be read.
    pub fn check(&self, path: &Path) -> Result<()> {
        #[derive(Deserialize)]
        struct Row {
            id: u64,
            sha256: String,
        }
        let failed = |error: &dyn std::fmt::Display| format!("cannot read `{}`: {error}", path.display());
        let mut rows: Vec<Row> = Vec::new();
        for line in BufReader::new(File::open(path).map_err(|error| failed(&error))?).lines() {
            let line = line.map_err(|error| failed(&error))?;
            rows.push(serde_json::from_str(&line).map_err(|error| failed(&error))?);
        }
        rows.sort_by_key(|row| row.id);
        let mut found = Expecting::default();
        rows.iter().for_each(|row| found.put_out(row.id, &row.sha256));
        match found.end() {
            found if found == *self => Ok(()),
            found => Err(format!("`{}` holds {found:?}, and {self:?} is expected", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_of_the_kind_that_they_are_meant_to_be() {
        let (documents, rows) = (Documents::new(), 5000);
        let texts: Vec<String> = (0..rows).map(|id| documents.text(id)).collect();
        let mean = texts.iter().map(String::len).sum::<usize>() / texts.len();
        assert!((350..450).contains(&mean), "{mean} characters");
        let normal = |text: &String| text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
        let distinct: HashSet<String> = texts.iter().map(normal).collect();
        assert!((75..85).contains(&(distinct.len() * 100 / texts.len())), "{} are distinct", distinct.len());
        let short = distinct.iter().filter(|text| text.split(' ').count() < 20).count() * 100 / distinct.len();
        assert!((7..13).contains(&short), "{short} % are short");
        // Of one word and a few spaces there are only so many.
        let alike = texts.len() - texts.iter().collect::<HashSet<_>>().len();
        assert!(alike < 10, "{alike} are as another before they are normalised");
    }

    #[test]
    fn what_is_put_out_is_held_against_what_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let (data, out) = (folder.path().join("data.jsonl"), folder.path().join("out.jsonl"));
        let expected = Documents::new().write(&data, 300).unwrap();
        let (mut seen, mut lines) = (HashSet::new(), Vec::new());
        for line in std::fs::read_to_string(&data).unwrap().lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = row["text"].as_str().unwrap().to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
            if seen.insert(text.clone()) && text.split(' ').count() >= 20 {
                lines.push(format!("{{\"id\":{},\"sha256\":\"{}\"}}\n", row["id"], hex(&Sha256::digest(&text))));
            }
        }
        lines.reverse();
        std::fs::write(&out, lines.concat()).unwrap();
        expected.check(&out).unwrap();
        lines.pop();
        std::fs::write(&out, lines.concat()).unwrap();
        expected.check(&out).unwrap_err();
    }
}
