//! The path of an output that is several files: `out/{language}/part-{n}.parquet`, as text.

use std::fmt;

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// The value of a column.
    Column(String),
    /// The number of the part, among those of equal values.
    Number,
}

/// A path in which columns and numbers are filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The folder that is the same for all files, as it stands before the first `{`: empty, or with its last `/`.
    pub folder: String,
    /// The names below the folder, each in its pieces.
    pub names: Vec<Vec<Piece>>,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFlaw {
    /// A phrase about the text.
    pub message: String,
    /// What fixes it.
    pub help: String,
}

/// The name of the manifest, in the template's folder.
pub const MANIFEST: &str = "_manifest.json";

impl Template {
    /// The template that a path is; `None` if nothing in it is `{…}`.
    ///
    /// # Errors
    /// A brace that is left open or closes nothing, or has no name in it; a number that stands twice; a name that is `.` or `..`.
    pub fn of(path: &str) -> Option<Result<Template, TemplateFlaw>> {
        // Other braces are letters of a name like any others.
        let is_filled_in = path
            .match_indices('{')
            .any(|(at, _)| path[at + 1..].find(['{', '}']).is_some_and(|end| path[at + 1 + end..].starts_with('}')));
        is_filled_in.then(|| Template::read(path))
    }

    fn read(path: &str) -> Result<Template, TemplateFlaw> {
        const EXAMPLE: &str = "path = \"out/{language}/part-{n}.jsonl\"";
        let flaw = |message: &str| Err(TemplateFlaw { message: message.to_owned(), help: EXAMPLE.to_owned() });
        let open = path.find(['{', '}']).unwrap_or_default();
        let folder = path[..open].rfind('/').map_or("", |at| &path[..=at]);
        let (mut names, mut name, mut text) = (Vec::new(), Vec::new(), String::new());
        let end = |text: &mut String, name: &mut Vec<Piece>| {
            if !text.is_empty() {
                name.push(Piece::Text(std::mem::take(text)));
            }
        };
        let mut rest = &path[folder.len()..];
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '}' => return flaw("a `}` closes nothing"),
                '/' => {
                    end(&mut text, &mut name);
                    names.push(std::mem::take(&mut name));
                }
                '{' => {
                    let Some((inside, after)) = rest.split_once('}') else { return flaw("a `{` is left open") };
                    end(&mut text, &mut name);
                    match inside {
                        "" => return flaw("`{}` names no column"),
                        inside if inside.contains('{') => return flaw("a `{` is left open"),
                        "n" => name.push(Piece::Number),
                        column => name.push(Piece::Column(column.to_owned())),
                    }
                    rest = after;
                }
                c => text.push(c),
            }
        }
        end(&mut text, &mut name);
        names.push(name);
        if names.iter().flatten().filter(|piece| **piece == Piece::Number).count() > 1 {
            return flaw("the number `{n}` stands in it twice");
        }
        let is = |name: &[Piece], what: &str| matches!(name, [Piece::Text(text)] if text == what);
        if names.iter().any(|name| name.is_empty() || is(name, ".") || is(name, "..")) {
            return flaw("behind its first `{`, a name is empty, `.` or `..`");
        }
        Ok(Template { folder: folder.to_owned(), names })
    }

    /// The columns that are filled in, each once, in their order.
    pub fn columns(&self) -> Vec<&str> {
        let mut columns = Vec::new();
        for piece in self.names.iter().flatten() {
            match piece {
                Piece::Column(column) if !columns.contains(&column.as_str()) => columns.push(column.as_str()),
                _ => {}
            }
        }
        columns
    }

    /// Whether parts are numbered.
    pub fn is_numbered(&self) -> bool {
        self.names.iter().flatten().any(|piece| *piece == Piece::Number)
    }

    /// Columns that a folder names by `NAME={NAME}`: a reader takes them from there.
    pub fn in_folders(&self) -> Vec<&str> {
        let folders = &self.names[..self.names.len() - 1];
        let mut columns: Vec<&str> = Vec::new();
        for name in folders {
            if let [Piece::Text(text), Piece::Column(column)] = name.as_slice()
                && text.strip_suffix('=') == Some(column)
                && !columns.contains(&column.as_str())
            {
                columns.push(column);
            }
        }
        columns
    }

    /// Where the manifest is.
    pub fn manifest(&self) -> String {
        format!("{}{MANIFEST}", self.folder)
    }

    /// Whether a path below the folder, from there on, may be one of the files.
    pub fn may_be(&self, below: &str) -> bool {
        let names: Vec<&str> = below.split('/').collect();
        names.len() == self.names.len() && names.iter().zip(&self.names).all(|(name, pieces)| fits(name, pieces))
    }
}

/// Whether a name can be made of pieces: each that is filled in stands for any text.
fn fits(name: &str, pieces: &[Piece]) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return name.is_empty() };
    match first {
        Piece::Text(text) => name.strip_prefix(text.as_str()).is_some_and(|name| fits(name, rest)),
        // Those that are side by side are one.
        Piece::Column(_) | Piece::Number => {
            let rest = &rest[rest.iter().take_while(|piece| !matches!(piece, Piece::Text(_))).count()..];
            match rest.first() {
                Some(_) => (0..name.len()).any(|at| name.get(at..).is_some_and(|name| fits(name, rest))),
                None => true,
            }
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.folder)?;
        for (nth, name) in self.names.iter().enumerate() {
            f.write_str(if nth == 0 { "" } else { "/" })?;
            for piece in name {
                match piece {
                    Piece::Text(text) => f.write_str(text)?,
                    Piece::Column(column) => write!(f, "{{{column}}}")?,
                    Piece::Number => f.write_str("{n}")?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Template {
        Template::of(path).unwrap().unwrap()
    }

    #[test]
    fn a_template_has_a_folder_columns_and_a_number_and_comes_back() {
        for (path, folder, columns, numbered) in [
            ("out/{language}/part-{n}.parquet", "out/", vec!["language"], true),
            ("{a}.jsonl", "", vec!["a"], false),
            ("s3://b/x/y-{a}-{b}/{a}.csv", "s3://b/x/", vec!["a", "b"], false),
            ("/abs/part-{n}.jsonl.gz", "/abs/", vec![], true),
            ("out/{a/b}/x", "out/", vec!["a/b"], false),
        ] {
            let template = of(path);
            assert_eq!((&*template.folder, template.columns(), template.is_numbered()), (folder, columns, numbered));
            assert_eq!(template.to_string(), path);
        }
        for literal in ["out/x.jsonl", "out/}{.jsonl", "out/{", "a}b"] {
            assert!(Template::of(literal).is_none(), "{literal}");
        }
        assert_eq!(of("out/a={a}/b={c}/c={c}.csv").in_folders(), ["a"]);
        assert_eq!(of("x/{a}.csv").manifest(), "x/_manifest.json");
    }

    #[test]
    fn what_is_no_template_is_an_error() {
        for (path, message) in [
            ("out/{a}{", "left open"),
            ("out/{a{b}.csv", "left open"),
            ("out/a}{b}.csv", "closes nothing"),
            ("out/{}.csv", "names no column"),
            ("{n}/{n}.csv", "twice"),
            ("{a}/../x.csv", "`..`"),
            ("{a}//x.csv", "empty"),
            ("out/{a}/", "empty"),
        ] {
            let flaw = Template::of(path).unwrap().unwrap_err();
            assert!(flaw.message.contains(message), "{path}: {flaw:?}");
        }
    }

    #[test]
    fn a_file_that_may_be_one_is_known() {
        let template = of("out/{a}/part-{n}.csv");
        for (below, may_be) in
            [("en/part-1.csv", true), ("en/part-.csv", true), ("en/x.csv", false), ("part-1.csv", false)]
        {
            assert_eq!(template.may_be(below), may_be, "{below}");
        }
        assert!(of("{a}-{b}{n}.csv").may_be("x-y-1.csv"));
        assert!(!of("{a}-{b}{n}.csv").may_be("x.csv"));
    }
}
