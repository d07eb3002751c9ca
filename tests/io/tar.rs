//! Archives of samples, as WebDataset has them.

use callboard_io::{BatchPolicy, Chunk, InputSpec, IoError, OnBadRow};

use crate::bench::{Bench, column, gz, join, types, zst};
use crate::both;

type Files<'a> = &'a [(&'a str, &'a [u8])];

fn archive(files: Files<'_>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        add(&mut builder, name, bytes);
    }
    builder.into_inner().unwrap()
}

fn add(builder: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, name, bytes).unwrap();
}

fn read(spec: &InputSpec) -> Result<Vec<Chunk>, IoError> {
    both::rows(spec, BatchPolicy { rows: 2, bytes: 1 << 20 })
}

fn error(spec: &InputSpec) -> String {
    let error = read(spec).unwrap_err();
    let place = error.to_string();
    let (_, said) = place.split_once("`, ").unwrap_or(("", &place));
    format!("{said} | {}", error.help().unwrap_or_default())
}

const SAMPLES: Files<'_> = &[
    ("./a/001.json", b"{\"n\": 1,\n \"tags\": [\"x\"]}"),
    ("./a/001.txt", "ä \"quoted\"\n".as_bytes()),
    ("./a/001.seg.json", b"[1, 2]"),
    ("./a.b/002.txt", b""),
    ("./a.b/002.JSON", b"{\"n\": 2, \"tags\": []}"),
    ("003.cls", b"7"),
];

#[test]
fn members_that_are_called_alike_are_one_row() {
    let long = "l".repeat(300) + "/004.txt";
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir("a", ".").unwrap();
    SAMPLES.iter().for_each(|(name, bytes)| add(&mut builder, name, bytes));
    add(&mut builder, &long, &[b'y'; 1024]);
    let bytes = builder.into_inner().unwrap();
    let bench = Bench::with("s.tar", &bytes);
    bench.put("s.tar.gz", gz(&bytes));
    bench.put("s.tar.zst", zst(&bytes));
    let whole = join(&read(&bench.spec(&["s.tar"], &[])).unwrap());
    assert_eq!(column(&whole, "__key__"), ["a/001", "a.b/002", "003", long.strip_suffix(".txt").unwrap()]);
    assert_eq!(column(&whole, "txt"), ["ä \"quoted\"\n", "", "∅", &"y".repeat(1024)]);
    assert_eq!(column(&whole, "json"), ["{n: 1, tags: [x]}", "{n: 2, tags: []}", "∅", "∅"]);
    assert_eq!(column(&whole, "seg.json"), ["[1, 2]", "∅", "∅", "∅"]);
    assert_eq!(column(&whole, "cls"), ["∅", "∅", "7", "∅"]);
    assert_eq!(types(&whole.schema())[0], "__key__: Utf8");
    for packed in ["s.tar.gz", "s.tar.zst"] {
        assert_eq!(join(&read(&bench.spec(&[packed], &[])).unwrap()), whole, "{packed}");
    }
    let as_text = join(&read(&bench.spec(&["s.tar"], &[("json", "json")])).unwrap());
    assert_eq!(column(&as_text, "json")[0], "{\"n\": 1,\n \"tags\": [\"x\"]}");
}

#[test]
fn other_members_are_left_out_only_if_it_is_said_which_are_wanted() {
    let bytes =
        archive(&[("1.jpg", b"\xff\xd8"), ("1.txt", b"one"), ("1.caption", b"c"), ("README", b"?"), ("2.txt", b"two")]);
    let bench = Bench::with("s.tar", bytes);
    let said = error(&bench.spec(&["s.tar"], &[]));
    assert!(said.starts_with("row 1: `1.jpg` is neither JSON nor text by its name | say which"), "{said}");
    let members = |list: &[&str]| InputSpec {
        members: Some(list.iter().map(|name| name.to_string()).collect()),
        ..bench.spec(&["s.tar"], &[])
    };
    let rows = join(&read(&members(&["txt", "caption"])).unwrap());
    assert_eq!(
        (column(&rows, "txt"), column(&rows, "caption")),
        (vec!["one".into(), "two".into()], vec!["c".to_owned(), "∅".to_owned()])
    );
    let said = error(&members(&["jpg"]));
    assert!(said.contains("`1.jpg` is not UTF-8"), "{said}");
}

#[test]
fn a_sample_that_is_wrong_is_named_or_left_out() {
    let good: Files<'_> = &[("0.json", b"{\"n\":1}"), ("0.txt", b"a")];
    let bad: [(Files<'_>, &str); 5] = [
        (
            &[("1.json", b"{\"n\":"), ("1.txt", b"b")],
            "`1.json` is not JSON: EOF while parsing a value at line 1 column 5",
        ),
        (
            &[("1.json", b"1,\"txt\":2"), ("1.txt", b"b")],
            "`1.json` is not JSON: trailing characters at line 1 column 2",
        ),
        (&[("1.txt", b"\xff")], "`1.txt` is not UTF-8"),
        (&[("1.txt", b"b"), ("1.txt", b"c")], "`1.txt` is there twice"),
        (&[("1.json", b"{\"n\":\"x\"}")], "`json.n` "),
    ];
    for (files, message) in bad {
        let all = [good, good, files, &[("2.txt", b"c")]].concat();
        // The same key twice in a row would be one sample.
        let all: Vec<_> = all
            .iter()
            .enumerate()
            .map(|(at, file)| {
                if at == 2 || at == 3 { (if file.0 == "0.json" { "00.json" } else { "00.txt" }, file.1) } else { *file }
            })
            .collect();
        let bench = Bench::with("s.tar", archive(&all));
        let said = error(&bench.spec(&["s.tar"], &[]));
        assert!(said.starts_with(&format!("row 3: {message}")), "{said}");
        let chunks = read(&InputSpec { on_bad_row: OnBadRow::Reject, ..bench.spec(&["s.tar"], &[]) }).unwrap();
        assert_eq!(column(&join(&chunks), "__key__"), ["0", "00", "2"], "{message}");
        let bad: Vec<_> = chunks.iter().flat_map(|chunk| &chunk.bad).collect();
        assert_eq!((bad.len(), bad[0].origin), (1, 3), "{message}");
    }
}

/// Names that differ in bytes that are not UTF-8 alone belong to different samples.
#[test]
fn names_are_told_apart_by_their_bytes() {
    let raw = |files: &[(&[u8], &[u8])]| {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name);
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    };
    let files: [(&[u8], &[u8]); 4] =
        [(b"1.txt", b"a"), (b"caf\xe9.txt", b"b"), (b"caf\xe8.txt", b"c"), (b"./2.txt", b"\xef\xbb\xbfd")];
    let bench = Bench::with("s.tar", raw(&files));
    let said = error(&bench.spec(&["s.tar"], &[]));
    assert!(
        said.starts_with("row 2: the name `caf\u{fffd}.txt` is not UTF-8 | give the files names in UTF-8"),
        "{said}"
    );
    let chunks = read(&InputSpec { on_bad_row: OnBadRow::Reject, ..bench.spec(&["s.tar"], &[]) }).unwrap();
    assert_eq!(chunks.iter().map(|chunk| chunk.bad.len()).sum::<usize>(), 2);
    let rows = join(&chunks);
    // A byte-order mark is no part of a member's text.
    assert_eq!(
        (column(&rows, "__key__"), column(&rows, "txt")),
        (vec!["1".into(), "2".into()], vec!["a".into(), "d".into()])
    );
    let bench = Bench::with("s.tgz", gz(archive(&[("0.json", b"\xef\xbb\xbf{\"n\":1}")])));
    assert_eq!(column(&join(&read(&bench.spec(&["s.tgz"], &[])).unwrap()), "json"), ["{n: 1}"]);
}

#[test]
fn an_archive_that_is_not_whole_is_refused() {
    let bytes = archive(SAMPLES);
    let bench = Bench::with("whole.tar", &bytes);
    // At every end of a header or a member, and within both.
    let ends = (0..bytes.len() - 1024).step_by(256);
    for end in ends {
        bench.put("cut.tar", &bytes[..end]);
        let said = error(&bench.spec(&["cut.tar"], &[]));
        assert!(said.contains("cut short"), "{end}: {said}");
    }
    bench.put("joined.tar", [&bytes[..], &bytes[..]].concat());
    assert!(
        error(&bench.spec(&["joined.tar"], &[]))
            .contains("more follows the end of the archive | if archives were joined")
    );
    bench.put("text.tar", "no archive".repeat(100));
    assert!(error(&bench.spec(&["text.tar"], &[])).contains("the file is plain text, not a tar archive"));
    let mut wrong = bytes.clone();
    wrong[1024 + 3] ^= 1;
    bench.put("wrong.tar", wrong);
    assert!(error(&bench.spec(&["wrong.tar"], &[])).contains("the archive is corrupt"));

    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "1.txt", "2.txt").unwrap();
    bench.put("link.tar", builder.into_inner().unwrap());
    assert!(error(&bench.spec(&["link.tar"], &[])).contains("`1.txt` is a link"));
}

/// What a header says costs nothing until it is there.
#[test]
fn sizes_that_are_made_up_are_refused_before_they_are_allocated() {
    let bench = Bench::new();
    for (kind, size, expected) in [
        (tar::EntryType::Regular, 1 << 40, "longer than 64 MiB"),
        (tar::EntryType::GNULongName, 1 << 40, "name takes more than 1 MiB"),
        (tar::EntryType::XHeader, 1 << 40, "name takes more than 1 MiB"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_path("1.txt").unwrap();
        header.set_size(size);
        header.set_cksum();
        bench.put("huge.tar", [header.as_bytes().to_vec(), vec![b'x'; 2 << 20]].concat());
        let said = error(&bench.spec(&["huge.tar"], &[]));
        assert!(said.contains(expected), "{kind:?}: {said}");
    }
    let long: Vec<_> = (0..3).map(|n| (["1.a.txt", "1.b.txt", "1.c.txt"][n], vec![b'x'; 600])).collect();
    let files: Vec<_> = long.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    bench.put("long.tar", archive(&files));
    let mut spec = bench.spec(&["long.tar"], &[]);
    spec.limits.line = 1000;
    let said = error(&spec);
    assert!(
        said.starts_with("row 1: the sample is longer than 1000 bytes | under `[inputs.docs]`: limits = "),
        "{said}"
    );
}
