//! What a file is by its first bytes, where it is not what its name says.

use std::io::Read;
use std::path::Path;

use callboard_words::text::excerpt;

use crate::error::IoError;
use crate::format::Format;
use crate::places::Source;
use crate::stop::Stop;
use crate::text::Compression;

/// A kind of file that is not plain text in UTF-8.
struct Kind {
    /// As a message has it: "is {name}".
    name: &'static str,
    fix: Fix,
}

/// What fixes a file of this kind.
enum Fix {
    /// Its name, if it ends in this.
    Rename(&'static str),
    /// The command that makes plain text of it; `FILE` is the file.
    Command(&'static str),
    /// The pipeline's `format`.
    Format(&'static str),
    Hint(&'static str),
}

/// The first bytes, at an offset, and what they say.
const MAGIC: &[(usize, &[u8], Kind)] = &[
    (0, b"\x1f\x8b", Kind { name: "gzip", fix: Fix::Rename(".gz") }),
    (0, b"\x28\xb5\x2f\xfd", Kind { name: "zstd", fix: Fix::Rename(".zst") }),
    (0, b"BZh", Kind { name: "bzip2", fix: Fix::Command("bunzip2") }),
    (0, b"\xfd7zXZ\0", Kind { name: "xz", fix: Fix::Command("unxz") }),
    (0, b"\x5d\0\0", Kind { name: "lzma", fix: Fix::Command("unlzma") }),
    (0, b"\x04\x22\x4d\x18", Kind { name: "lz4", fix: Fix::Command("unlz4") }),
    (
        0,
        b"\xff\x06\0\0sNaPpY",
        Kind { name: "snappy", fix: Fix::Hint("decompress it, or compress it as gzip or zstd") },
    ),
    (0, b"PK\x03\x04", Kind { name: "a zip archive", fix: Fix::Command("unzip") }),
    (0, b"7z\xbc\xaf\x27\x1c", Kind { name: "a 7z archive", fix: Fix::Command("7z x") }),
    (257, b"ustar", Kind { name: "a tar archive", fix: Fix::Command("tar -xf") }),
    (0, b"PAR1", Kind { name: "Parquet", fix: Fix::Format("parquet") }),
    (0, b"ARROW1\0\0", Kind { name: "Arrow IPC", fix: Fix::Format("arrow") }),
    (0, b"\xff\xff\xff\xff", Kind { name: "an Arrow IPC stream", fix: Fix::Format("arrow") }),
    (0, b"Obj\x01", Kind { name: "Avro", fix: Fix::Hint("convert it to jsonl, csv, parquet or arrow") }),
    (0, b"ORC", Kind { name: "ORC", fix: Fix::Hint("convert it to jsonl, csv, parquet or arrow") }),
    (0, b"SQLite format 3\0", Kind { name: "an SQLite database", fix: Fix::Hint("export its table to csv or jsonl") }),
    (0, b"\x89HDF\r\n", Kind { name: "HDF5", fix: Fix::Hint("convert it to jsonl, csv, parquet or arrow") }),
    (0, b"\xff\xfe\0\0", Kind { name: "UTF-32", fix: Fix::Command("iconv -f UTF-32 -t UTF-8") }),
    (0, b"\xff\xfe", Kind { name: "UTF-16", fix: Fix::Command("iconv -f UTF-16 -t UTF-8") }),
    (0, b"\xfe\xff", Kind { name: "UTF-16", fix: Fix::Command("iconv -f UTF-16 -t UTF-8") }),
];

/// What text begins with that is something else than rows, in lower case and behind white space.
const TEXTS: &[(&str, Kind)] = &[
    (
        "version https://git-lfs.",
        Kind { name: "a pointer of Git LFS, not the data", fix: Fix::Hint("fetch the data: git lfs pull") },
    ),
    ("<!doctype html", HTML),
    ("<html", HTML),
    ("<?xml", XML),
    ("<error>", XML),
];

const HTML: Kind = Kind { name: "a web page in HTML", fix: Fix::Hint("download the data themselves") };
const XML: Kind = Kind {
    name: "an XML document",
    fix: Fix::Hint(
        "look into it: servers report errors like this; then download the data themselves, or convert it to jsonl or csv",
    ),
};

const UTF_16_LE: Kind = Kind { name: "UTF-16", fix: Fix::Command("iconv -f UTF-16LE -t UTF-8") };
const UTF_16_BE: Kind = Kind { name: "UTF-16", fix: Fix::Command("iconv -f UTF-16BE -t UTF-8") };

/// A kind that is only this after letters that text may begin with too: what follows them in such a file.
fn is_certain(name: &str, head: &[u8]) -> bool {
    match name {
        "bzip2" => head.get(4..10).is_some_and(|next| next == b"1AY&SY" || next == b"\x17rE8P\x90"),
        // In text no control character but these stands among the first.
        "Parquet" | "ORC" => head.iter().take(64).any(|byte| *byte < 0x20 && !b"\t\r\n".contains(byte)),
        _ => true,
    }
}

/// A file of this kind is read as rows of some format.
fn kind(head: &[u8]) -> Option<&'static Kind> {
    let text = || {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let starts = |text: &str| head.get(..text.len()).is_some_and(|head| head.eq_ignore_ascii_case(text.as_bytes()));
        TEXTS.iter().find(|(text, _)| starts(text)).map(|(_, kind)| kind)
    };
    binary(head).or_else(text)
}

/// A kind that is not text at all.
fn binary(head: &[u8]) -> Option<&'static Kind> {
    let starts = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    let listed = MAGIC.iter().find(|(at, magic, kind)| starts(*at, magic) && is_certain(kind.name, head));
    listed.map(|(.., kind)| kind).or(match head {
        // A letter of ASCII in two bytes, and another.
        [1..=0x7f, 0, 1..=0x7f, 0, ..] => Some(&UTF_16_LE),
        [0, 1..=0x7f, 0, 1..=0x7f, ..] => Some(&UTF_16_BE),
        _ => None,
    })
}

/// What a file may hold, as its first bytes show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Rows as text.
    Rows,
    /// Any text.
    Text,
    Tar,
}

impl Holds {
    /// What else the file is.
    fn instead(self, head: &[u8]) -> Option<&'static Kind> {
        match self {
            Holds::Rows => kind(head),
            Holds::Text => binary(head),
            Holds::Tar => kind(head).filter(|_| !is_tar(head)),
        }
    }
}

/// Whether a file begins with the header of a member of a tar archive, by its checksum: the first archives have no other mark.
pub(crate) fn is_tar(head: &[u8]) -> bool {
    let Some(header) = head.get(..512) else { return false };
    let digits: String = header[148..156].iter().map(|byte| char::from(*byte)).collect();
    let said = u32::from_str_radix(digits.trim_matches([' ', '\0']), 8);
    let spaces = 8 * u32::from(b' ');
    let sum = header[..148].iter().chain(&header[156..]).fold(spaces, |sum, byte| sum + u32::from(*byte));
    said == Ok(sum)
}

/// Whether `head` begins as files of this compression do, as far as it goes.
fn begins(head: &[u8], compression: Compression, holds: Holds) -> bool {
    let magic: &[u8] = match compression {
        Compression::None => return holds.instead(head).is_none(),
        Compression::Gzip => b"\x1f\x8b",
        Compression::Zstd => b"\x28\xb5\x2f\xfd",
    };
    let length = magic.len().min(head.len());
    // Frames that a decoder of zstd skips begin with one of sixteen numbers.
    let skippable = |head: &[u8]| matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
    magic[..length] == head[..length] || compression == Compression::Zstd && skippable(head)
}

/// Checks that a file that begins with `head` is compressed as its name says.
///
/// # Errors
/// What it is, and what fixes it.
pub(crate) fn check(path: &Path, head: &[u8], compression: Compression, holds: Holds) -> Result<(), IoError> {
    if begins(head, compression, holds) {
        return Ok(());
    }
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let (stem, _) = Compression::split(path);
    let not = match compression {
        Compression::None => String::new(),
        compression => format!(", not {compression} as its name says"),
    };
    let old = matches!(head, [0x1e | 0x22..=0x27, 0xb5, 0x2f, 0xfd, ..]);
    let (is, help) = match kind(head) {
        Some(kind) => (kind.name.to_owned(), kind.fix.help(&file, &stem)),
        None if old && compression == Compression::Zstd => {
            let help = format!("compress it again: zstd --format=zstd {stem}");
            ("zstd of a version before 0.8".to_owned(), help)
        }
        None if is_text(head) => {
            let head = String::from_utf8_lossy(head);
            let start = excerpt(&head, 20);
            (format!("plain text (it begins with {start:?})"), format!("rename it to `{stem}`, or compress it"))
        }
        None => ("of an unknown kind".to_owned(), format!("look at what it is: file {file}")),
    };
    Err(IoError::data(format!("the file is {is}{not}")).with_help(help))
}

/// What a file is that a reader of a binary format could make nothing of, if its first bytes say so, and it is not that format.
pub(crate) fn instead(source: &Source, format: Format, stop: &Stop) -> Option<IoError> {
    let mut head = Vec::new();
    let path = source.path();
    source.open(stop).ok()?.take(512).read_to_end(&mut head).ok()?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let (is, help) = match kind(&head) {
        Some(Kind { fix: Fix::Format(name), .. }) if *name == format.name() => return None,
        None if head.starts_with(b"FEA1") => return None,
        Some(Kind { name, fix: Fix::Rename(".gz") }) => (*name, format!("decompress it first: gunzip {file}")),
        Some(Kind { name, fix: Fix::Rename(_) }) => (*name, format!("decompress it first: unzstd {file}")),
        Some(Kind { name, fix: Fix::Command(command) }) if !command.starts_with("iconv") => {
            (*name, format!("unpack it first: {command} {file}"))
        }
        Some(Kind { name, fix }) => (*name, fix.help(&file, &file)),
        // It may have been cut to nothing.
        None if head.is_empty() => ("empty", "write it again: not even a schema is left".to_owned()),
        None if head.len() >= 4 && is_text(&head) => {
            let (is, format) = text_format(&head);
            (is, format!("say what it is: format = \"{format}\", or rename it to `NAME.{format}`"))
        }
        None => return None,
    };
    let format = if format == Format::Parquet { "Parquet" } else { "Arrow IPC" };
    Some(IoError::data(format!("the file is {is}, not {format}")).with_help(help).in_file(path))
}

/// What text is that is no binary file, and the format that it may have.
fn text_format(head: &[u8]) -> (&'static str, &'static str) {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    match head.first() {
        Some(b'{') => ("JSON Lines", "jsonl"),
        Some(b'[') => ("a JSON array", "json"),
        _ => ("plain text", "csv"),
    }
}

/// The error for a file that is no tar archive, and begins with this.
pub(crate) fn not_tar(head: &[u8]) -> IoError {
    if head.is_empty() || !is_text(head) {
        return IoError::data("the file is no tar archive: it does not begin with the header of a member");
    }
    let (is, format) = text_format(head);
    let help = format!("say what it is: format = \"{format}\", or rename it to `NAME.{format}`");
    IoError::data(format!("the file is {is}, not a tar archive")).with_help(help)
}

/// Checks that a file, when decompressed, holds what it should.
pub(crate) fn check_inside(path: &Path, head: &[u8], compression: Compression, holds: Holds) -> Result<(), IoError> {
    match holds.instead(head) {
        Some(kind) => {
            let (file, help) = (path.file_name().unwrap_or_default().to_string_lossy(), "decompress it first");
            let not = if holds == Holds::Tar { "a tar archive" } else { "text" };
            let message = format!("the {compression} data hold {}, not {not}", kind.name);
            Err(IoError::data(message).with_help(format!("{help}, and see what it is: {file}")))
        }
        None => Ok(()),
    }
}

fn is_text(head: &[u8]) -> bool {
    let head = &head[..head.len().min(64)];
    head.iter().all(|byte| *byte >= 0x20 || b"\t\r\n".contains(byte))
}

impl Fix {
    fn help(&self, file: &str, stem: &str) -> String {
        match self {
            Fix::Rename(extension) => format!("rename it to `{stem}{extension}`"),
            Fix::Command(command) if command.starts_with("iconv") => {
                format!("convert it: {command} {file} > {stem}.utf8")
            }
            Fix::Command(command) => format!("unpack it ({command}), or compress it as gzip or zstd"),
            Fix::Format(format) => format!("say what it is: format = \"{format}\", or rename it to `NAME.{format}`"),
            Fix::Hint(hint) => (*hint).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, head: &[u8]) -> (String, String) {
        let (_, compression) = Compression::split(Path::new(name));
        let error = check(Path::new(name), head, compression, Holds::Rows).unwrap_err();
        (error.message().to_owned(), error.help().unwrap().to_owned())
    }

    #[test]
    fn what_a_file_is_and_what_fixes_it() {
        let cases: [(&str, &[u8], &str, &str); 8] = [
            ("a.jsonl", b"\x1f\x8b\x08", "the file is gzip", "rename it to `a.jsonl.gz`"),
            (
                "a.jsonl.gz",
                b"\x28\xb5\x2f\xfd",
                "the file is zstd, not gzip as its name says",
                "rename it to `a.jsonl.zst`",
            ),
            ("a.csv.zst", b"\x1f\x8b", "the file is gzip, not zstd as its name says", "rename it to `a.csv.gz`"),
            (
                "a.jsonl.gz",
                b"{\"a\":1}\n",
                "the file is plain text (it begins with \"{\\\"a\\\":1}\\n\"), not gzip as its name says",
                "rename it to `a.jsonl`, or compress it",
            ),
            ("a.csv", b"a\0,\0b\0", "the file is UTF-16", "convert it: iconv -f UTF-16LE -t UTF-8 a.csv > a.csv.utf8"),
            (
                "a.jsonl",
                b"PAR1\x15\0",
                "the file is Parquet",
                "say what it is: format = \"parquet\", or rename it to `NAME.parquet`",
            ),
            (
                "a.zst",
                b"\x27\xb5\x2f\xfd",
                "the file is zstd of a version before 0.8, not zstd as its name says",
                "compress it again: zstd --format=zstd a",
            ),
            (
                "a.gz",
                b"\x01\x02\x03",
                "the file is of an unknown kind, not gzip as its name says",
                "look at what it is: file a.gz",
            ),
        ];
        for (name, head, message, help) in cases {
            assert_eq!(refused(name, head), (message.to_owned(), help.to_owned()));
        }
    }

    #[test]
    fn text_is_text_whatever_letters_it_begins_with() {
        for text in ["PAR1,b\n1,2\n", "ORC,HUMAN\n", "BZh9,x\n", "\u{feff}a,b\n", "", "{", "é"] {
            check(Path::new("a.csv"), text.as_bytes(), Compression::None, Holds::Rows).unwrap();
        }
        // Cut short, and skippable frames: left to the decoder.
        check(Path::new("a.gz"), b"\x1f", Compression::Gzip, Holds::Rows).unwrap();
        check(Path::new("a.zst"), b"\x5a\x2a\x4d\x18\0\0\0\0", Compression::Zstd, Holds::Rows).unwrap();
    }
}
