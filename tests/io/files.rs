//! Paths, patterns, compression, and where batches are cut.

use callboard_io::{BatchPolicy, Chunk, Dataset, ErrorKind, Format, InFile, InputSpec};

use crate::bench::{Bench, POLICY, column, gz, join, zst};
use crate::binary::numbers;
use crate::both;

fn names(dataset: &Dataset) -> Vec<String> {
    dataset.files().iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn patterns_are_sorted_and_paths_keep_their_order() {
    let bench = Bench::new();
    for name in ["b.jsonl", "a.jsonl", "sub/c.jsonl", ".hidden.jsonl", "[odd].jsonl"] {
        bench.put(name, format!("{{\"from\":\"{name}\"}}\n"));
    }
    let open = |paths: &[&str]| names(&bench.open(paths).unwrap());
    assert_eq!(open(&["*.jsonl"]), ["[odd].jsonl", "a.jsonl", "b.jsonl"]);
    assert_eq!(open(&["sub/*", "[ab].jsonl"]), ["c.jsonl", "a.jsonl", "b.jsonl"]);
    assert_eq!(open(&["**/*.jsonl"]), ["[odd].jsonl", "a.jsonl", "b.jsonl", "c.jsonl"]);
    assert_eq!(open(&["**"]), ["[odd].jsonl", "a.jsonl", "b.jsonl", "c.jsonl"]);
    assert_eq!(open(&["./**/**/sub//c*"]), ["c.jsonl"]);
    assert_eq!(open(&[".hid*"]), [".hidden.jsonl"]);
    assert_eq!(open(&["[ab].jsonl"]), ["a.jsonl", "b.jsonl"]);
    assert_eq!(open(&["[odd].jsonl"]), ["[odd].jsonl"]);
    assert_eq!(open(&[bench.path("a.jsonl").to_str().unwrap()]), ["a.jsonl"]);
    let chunks = bench.read(&["b.jsonl", "sub/*"]).unwrap();
    let from: Vec<_> = chunks.iter().map(|chunk| (chunk.file, column(&chunk.rows, "from")[0].clone())).collect();
    assert_eq!(from, [(0, "b.jsonl".to_string()), (1, "sub/c.jsonl".to_string())]);
    let bytes: u64 = ["b.jsonl", "sub/c.jsonl"].map(|name| bench.bytes(name).len() as u64).iter().sum();
    assert_eq!(bench.open(&["b.jsonl", "sub/*"]).unwrap().bytes(), bytes);
}

#[test]
fn what_matches_nothing_is_named() {
    let bench = Bench::with("a.jsonl", "{}");
    bench.put("sub/b.jsonl", "{}");
    let cases = [
        ("none.jsonl", "`none.jsonl`: there is no such file"),
        ("*.csv", "`*.csv`: the pattern matches no file"),
        ("no/*.jsonl", "`no/*.jsonl`: the pattern matches no file"),
        ("sub", "`sub`: this is a folder, not a file"),
    ];
    for (path, message) in cases {
        let error = bench.read(&["a.jsonl", path]).unwrap_err();
        assert_eq!(bench.words(&error).0, message);
        assert_eq!(error.kind(), ErrorKind::Spec);
    }
    assert!(bench.error(&["***"], &[]).0.starts_with("`***`: is not a pattern: "));
    assert_eq!(bench.error(&[], &[]).0, "an input needs at least one path");
}

/// Nobody may ever write into a pipe: it is refused, not waited for. A pattern passes it over.
#[test]
fn a_pipe_is_not_waited_for() {
    let bench = Bench::with("a.jsonl", "{}");
    let made = std::process::Command::new("mkfifo").arg(bench.path("pipe.jsonl")).status().unwrap();
    assert!(made.success());
    let (message, _) = bench.error(&["pipe.jsonl"], &[]);
    assert_eq!(message, "`pipe.jsonl`: this is not a regular file: inputs are read more than once");
    assert_eq!(bench.open(&["*.jsonl"]).unwrap().files().len(), 1);
}

/// As DuckDB, polars and pandas do: two names are two files. Whoever did not mean it is told.
#[test]
fn a_file_that_has_two_names_is_read_twice() {
    let bench = Bench::with("a.jsonl", "{\"n\":1}\n");
    bench.put("sub/b.jsonl", "{\"n\":2}\n");
    std::os::unix::fs::symlink("a.jsonl", bench.path("link.jsonl")).unwrap();
    std::fs::hard_link(bench.path("a.jsonl"), bench.path("hard.jsonl")).unwrap();
    for paths in
        [&["a.jsonl", "a.jsonl"][..], &["a.jsonl", "sub/../a.jsonl"], &["a.jsonl", "link.jsonl"], &["[ah]*.jsonl"]]
    {
        let rows: Vec<String> = bench.read(paths).unwrap().iter().flat_map(|chunk| column(&chunk.rows, "n")).collect();
        assert_eq!(rows, ["1", "1"], "{paths:?}");
        let twice = bench.open(paths).unwrap().twice();
        let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(twice.iter().map(|(first, _)| name(first)).collect::<Vec<_>>(), ["a.jsonl"], "{paths:?}");
    }
    assert_eq!(names(&bench.open(&["*.jsonl", "sub/*"]).unwrap()), ["a.jsonl", "hard.jsonl", "link.jsonl", "b.jsonl"]);
    assert_eq!(bench.open(&["a.jsonl", "sub/b.jsonl"]).unwrap().twice(), []);
}

/// Two links to the folder that they are in make 2^n paths of n links.
#[test]
fn links_to_folders_are_followed_and_lead_nobody_in_circles() {
    use std::os::unix::fs::symlink;
    let bench = Bench::with("a/x.jsonl", "{}");
    bench.put("shelf/y.jsonl", "{}");
    for (to, link) in [(".", "a/self"), (".", "a/self2"), ("..", "a/up"), ("../shelf", "a/other"), ("/", "a/.hidden")] {
        symlink(to, bench.path(link)).unwrap();
    }
    let shown = |paths: &[&str]| {
        let open = bench.open(paths).unwrap();
        let base = bench.path("");
        open.files().iter().map(|file| file.strip_prefix(&base).unwrap().display().to_string()).collect::<Vec<_>>()
    };
    // Each folder once, by its own name where it has one below.
    assert_eq!(shown(&["**/*.jsonl"]), ["a/x.jsonl", "shelf/y.jsonl"]);
    assert_eq!(shown(&["a/**/*.jsonl"]), ["a/other/y.jsonl", "a/x.jsonl"]);
    // Where a pattern names a level, every name counts.
    assert_eq!(shown(&["a/*/x.jsonl"]), ["a/self/x.jsonl", "a/self2/x.jsonl"]);
    // Folders that share their links, two in each: 2^40 paths, and 41 folders.
    for level in 0..40 {
        bench.put(&format!("deep/{level}/.keep"), "");
    }
    for (level, link) in (0..39).flat_map(|level| [(level, "l"), (level, "r")]) {
        symlink(format!("../{}", level + 1), bench.path(&format!("deep/{level}/{link}"))).unwrap();
    }
    bench.put("deep/39/z.jsonl", "{}");
    assert_eq!(shown(&["deep/0/**/*.jsonl"]).len(), 1);
}

/// What a pattern matches is read, or it is said why not.
#[test]
fn a_link_to_nothing_is_an_error_and_names_need_not_be_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let bench = Bench::with("a.jsonl", "{}");
    let latin = |name: &[u8]| bench.path("").join(OsStr::from_bytes(name));
    std::fs::write(latin(b"caf\xe9.txt"), "").unwrap();
    std::fs::write(latin(b"caf\xe9.jsonl"), "{}").unwrap();
    std::fs::create_dir(latin(b"d\xe9")).unwrap();
    std::fs::write(latin(b"d\xe9").join("b.jsonl"), "{}").unwrap();
    assert_eq!(names(&bench.open(&["*.jsonl"]).unwrap()), ["a.jsonl", "caf\u{fffd}.jsonl"]);
    assert_eq!(names(&bench.open(&["**/?.jsonl"]).unwrap()), ["a.jsonl", "b.jsonl"]);
    assert_eq!(names(&bench.open(&["d?/*"]).unwrap()), ["b.jsonl"]);
    assert_eq!(bench.read(&["*.jsonl"]).unwrap().len(), 2);

    std::os::unix::fs::symlink("gone.jsonl", bench.path("to.jsonl")).unwrap();
    for path in ["*.jsonl", "to.jsonl"] {
        let (message, _) = bench.error(&[path], &[]);
        assert_eq!(message, "`to.jsonl`: this is a link to what is not there");
    }
}

/// The hint is followed, word for word.
#[test]
fn brackets_and_braces_that_are_part_of_a_name_get_a_hint_that_works() {
    let bench = Bench::with("data[v1]/a.jsonl", "{}");
    bench.put("x[1]y/part-7.jsonl", "{}");
    bench.put("open[/a.jsonl", "{}");
    for (path, meant) in [
        ("data[v1]/*.jsonl", "data[[]v1]/*.jsonl"),
        ("data[v1]*/a.jsonl", "data[[]v1]*/a.jsonl"),
        ("x[1]y/part-[0-9].jsonl", "x[[]1]y/part-[0-9].jsonl"),
        ("open[/*.jsonl", "open[[]/*.jsonl"),
    ] {
        let (_, help) = bench.error(&[path], &[]);
        assert!(help.ends_with(&format!("path = \"{meant}\"")), "{path}: {help}");
        assert_eq!(bench.open(&[meant]).unwrap().files().len(), 1);
    }
    let (message, help) = bench.error(&["{a,b}-{x}.jsonl"], &[]);
    assert_eq!(message, "`{a,b}-{x}.jsonl`: there is no such file");
    assert_eq!(help, "`{…}` is used literally; write `*` for any name, or list the paths");
    let (_, help) = bench.error(&["part-{a,b}/*.jsonl"], &[]);
    assert_eq!(help, "`{…}` is used literally; list the paths: path = [\"part-a/*.jsonl\", \"part-b/*.jsonl\"]");
    let (message, help) = bench.error(&["data*"], &[]);
    assert_eq!(message, "`data*`: the pattern matches no file");
    assert_eq!(help, "it matches folders: name their files: \"data*/*.jsonl\"");
}

/// Its rows would be of two versions. One that is put in its place is another file, and the open one is read to its end.
#[test]
fn a_file_that_is_written_to_while_it_is_read_is_an_error() {
    let bench = Bench::with("a.jsonl", "{\"n\":1}\n".repeat(3));
    let policy = BatchPolicy { rows: 1, ..POLICY };
    let mut reader = bench.open(&["a.jsonl"]).unwrap().read(policy);
    reader.next().unwrap().unwrap();
    bench.put("b.jsonl", "{\"n\":2}\n");
    std::fs::rename(bench.path("b.jsonl"), bench.path("a.jsonl")).unwrap();
    assert_eq!(reader.filter(Result::is_ok).count(), 2);
    let mut reader = bench.open(&["a.jsonl"]).unwrap().read(policy);
    reader.next().unwrap().unwrap();
    bench.put("a.jsonl", "{\"n\":2}\n{\"n\":3}\n");
    let error = reader.find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().ends_with("it was written to while it was read: it had 8 bytes, and has 16"), "{error}");
}

/// A shell leaves a file of a pattern's name where it matched nothing; it hides no other file.
#[test]
fn a_file_of_a_patterns_own_name_hides_no_other() {
    let bench = Bench::new();
    for name in ["d/*.jsonl", "d/x.jsonl", "d/y.jsonl", "e/[ab].jsonl", "e/a.jsonl"] {
        bench.put(name, "{}");
    }
    assert_eq!(names(&bench.open(&["d/*.jsonl"]).unwrap()), ["*.jsonl", "x.jsonl", "y.jsonl"]);
    let (message, help) = bench.error(&["e/[ab].jsonl"], &[]);
    assert!(message.contains("this is a file, and also a pattern"), "{message}");
    assert_eq!(help, "for the file of this name: \"e/[[]ab].jsonl\"");
    assert_eq!(names(&bench.open(&["e/[[]ab].jsonl"]).unwrap()), ["[ab].jsonl"]);
    let (message, help) = bench.error(&["f[/a.jsonl"], &[]);
    assert!(message.contains("is not a pattern"), "{message}");
    assert_eq!(help, "a `[` that stands for itself is written `[[]`");
}

/// What the help of an error says is done, and the input is read.
#[test]
fn the_help_for_paths_fixes_them() {
    let bench = Bench::with("d/part.csv.gz", "");
    for (folder, file) in [("a", "part.parquet"), ("b", "part.ndjson"), ("c", "notes.doc")] {
        bench.put(&format!("{folder}/{file}"), "");
    }
    for (folder, end) in [("a", ".parquet"), ("b", ".ndjson"), ("c", ".jsonl"), ("d", ".csv.gz")] {
        let (message, help) = bench.error(&[folder], &[]);
        assert_eq!(message, format!("`{folder}`: this is a folder, not a file"));
        assert_eq!(help, format!("name its files: path = \"{folder}/*{end}\""));
    }
    let (_, help) = bench.error(&["none.jsonl"], &[]);
    assert_eq!(help, "paths are relative to the pipeline file's folder");
    assert_eq!(bench.error(&["/none/none.jsonl"], &[]).1, "");
    for (name, text) in [("list.jsonl", "[{\"a\": 1}, {\"a\": 2}]"), ("long-list.jsonl", "[\n{\"a\": 1}\n]\n")] {
        bench.put(name, text);
        assert!(bench.error(&[name], &[]).1.contains("if the file is one array of objects: format = \"json\""));
        let spec = InputSpec { format: Some(Format::Json), ..bench.spec(&[name], &[]) };
        assert_eq!(both::open(&spec).unwrap().schema().fields().len(), 1);
    }
    bench.put("long.jsonl", "{\n\"a\": 1\n}\n");
    assert!(bench.error(&["long.jsonl"], &[]).1.contains("jq -c . OLD.json > NEW.jsonl"));
}

#[test]
fn the_extension_says_the_format_unless_the_pipeline_does() {
    let bench = Bench::with("a.dat", "{\"a\":1}\n");
    let (message, help) = bench.error(&["a.dat"], &[]);
    assert_eq!(message, "`a.dat`: the extension `dat` names no format");
    let formats = ["jsonl", "json", "csv", "text", "warc", "tar", "parquet", "arrow"];
    assert_eq!(help, format!("say which: format = {}", formats.map(|name| format!("\"{name}\"")).join(" or ")));
    let mut spec = bench.spec(&["a.dat"], &[]);
    spec.format = Some("jsonl".parse().unwrap());
    assert_eq!(both::open(&spec).unwrap().format(), Format::Jsonl);
    let unknown = "yaml".parse::<Format>().unwrap_err();
    assert_eq!(
        (unknown.to_string().as_str(), unknown.help()),
        ("there is no format `yaml`", Some("formats: jsonl, json, csv, text, warc, tar, parquet, arrow"))
    );

    bench.put("b.csv", "a\n1\n");
    bench.put("c.jsonl", "{}");
    assert_eq!(
        bench.error(&["b.csv", "c.jsonl"], &[]).0,
        "`c.jsonl`: is jsonl, but `b.csv` is csv: an input has one format"
    );
    bench.put("d.parquet.gz", "");
    assert_eq!(
        bench.error(&["d.parquet.gz"], &[]).0,
        "`d.parquet.gz`: parquet cannot be read or written as gzip: it compresses inside"
    );
}

#[test]
fn compressed_text_reads_in_parts_too() {
    let (one, two) = ("{\"a\":1}\n", "{\"a\":2}\n{\"a\":3}\n");
    let bench = Bench::with("a.jsonl.gz", [gz(one), gz(two)].concat());
    bench.put("b.jsonl.zst", [zst(one), zst(two)].concat());
    bench.put("c.csv.gz", gz("a\n1\n2\n3\n"));
    bench.put("d.tsv.zst", zst("a\n1\n2\n3\n"));
    for name in ["a.jsonl.gz", "b.jsonl.zst", "c.csv.gz", "d.tsv.zst"] {
        assert_eq!(column(&join(&bench.read(&[name]).unwrap()), "a"), ["1", "2", "3"], "{name}");
    }
}

#[test]
fn compressed_text_that_is_cut_or_corrupt_is_refused_about_where() {
    let text: String = (0..20_000).map(|n| format!("{{\"a\":{n},\"b\":\"{:x}\"}}\n", n * 7_919)).collect();
    for (name, bytes) in [("in.jsonl.gz", gz(&text)), ("in.jsonl.zst", zst(&text))] {
        let kind = if name.ends_with("gz") { "gzip" } else { "zstd" };
        let bench = Bench::with(name, &bytes[..bytes.len() * 3 / 4]);
        let error = bench.read(&[name]).unwrap_err();
        assert_eq!(error.message(), format!("the {kind} data end too early: the file was cut short"));
        let Some(InFile::Line { line, .. }) = error.place() else { panic!("{error} has no line") };
        assert!((5_000..20_000).contains(&line), "{name}: line {line}");

        let mut corrupt = bytes.clone();
        let middle = corrupt.len() / 2;
        corrupt[middle..middle + 64].fill(0xa5);
        bench.put(name, corrupt);
        let error = bench.read(&[name]).unwrap_err();
        assert!(error.place().is_some() && error.kind() == ErrorKind::Data, "{error}");

        bench.put(name, "{\"a\":1}\n");
        assert!(bench.read(&[name]).unwrap_err().message().contains(kind));
        bench.put(name, "");
        assert_eq!(bench.read(&[name]).unwrap_err().message(), format!("the file is empty, not {kind}"));
    }
}

/// Of each chunk: its file, its first origin, its rows.
fn cuts(chunks: &[Chunk]) -> Vec<(u32, u64, usize)> {
    chunks.iter().map(|chunk| (chunk.file, chunk.origin.value(0), chunk.rows.num_rows())).collect()
}

#[test]
fn batches_are_cut_by_rows_and_bytes_alone() {
    let lines: String = (0..10_000).map(|n| format!("{{\"a\":\"{}\"}}\n", "x".repeat(n % 97))).collect();
    let bench = Bench::with("a.jsonl", &lines);
    bench.put("b.jsonl", "{\"a\":\"\"}\n");
    bench.put("a.jsonl.gz", gz(&lines));
    bench.put("a.jsonl.zst", zst(&lines));
    let policy = BatchPolicy { rows: 1000, bytes: 16 << 10 };
    let read = |paths: &[&str], policy| {
        let dataset = bench.open(paths).unwrap();
        dataset.read(policy).map(Result::unwrap).collect::<Vec<_>>()
    };
    let chunks = read(&["a.jsonl", "b.jsonl"], policy);
    let cut = cuts(&chunks);
    // Never across files, every row once, and about 16 KiB each.
    assert_eq!(cut.last(), Some(&(1, 1, 1)));
    assert_eq!(cut.iter().map(|(_, _, rows)| rows).sum::<usize>(), 10_001);
    for chunk in &chunks[..chunks.len() - 2] {
        let text: usize = column(&chunk.rows, "a").iter().map(|text| text.len() + 9).sum();
        assert!((16 << 10..(16 << 10) + 128).contains(&text), "{text} bytes");
    }
    for again in ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"] {
        assert_eq!(cuts(&read(&[again], policy)), cut[..cut.len() - 1], "{again}");
    }
    let by_rows = read(&["a.jsonl"], BatchPolicy { rows: 3000, bytes: usize::MAX });
    assert_eq!(cuts(&by_rows), [(0, 1, 3000), (0, 3001, 3000), (0, 6001, 3000), (0, 9001, 1000)]);
    // A row is never parted, and a batch is never empty.
    assert_eq!(read(&["a.jsonl"], BatchPolicy { rows: 0, bytes: 0 }).len(), 10_000);
}

#[test]
fn a_reader_ends_after_an_error_and_moves_to_other_threads() {
    let bench = Bench::with("a.jsonl", format!("{}nonsense\n{{\"a\":1}}\n", "{\"a\":1}\n".repeat(2000)));
    let mut reader = bench.open(&["a.jsonl"]).unwrap().read(BatchPolicy { rows: 1500, ..POLICY });
    let outcomes = std::thread::spawn(move || {
        let outcomes: Vec<_> = reader.by_ref().map(|chunk| chunk.map(|chunk| chunk.rows.num_rows()).ok()).collect();
        assert!(reader.next().is_none());
        outcomes
    });
    assert_eq!(outcomes.join().unwrap(), [Some(1500), None]);
}

#[test]
fn what_part_of_all_files_was_read_is_known_beside_each_batch() {
    let bench = Bench::new();
    for format in ["jsonl", "jsonl.gz", "csv", "parquet", "arrow"] {
        let names = ["a", "b"].map(|name| format!("{name}.{format}"));
        for name in &names {
            bench.write(name, &[numbers(0..50_000).project(&[0, 1]).unwrap()]).unwrap();
        }
        let dataset = bench.open(&names.each_ref().map(String::as_str)).unwrap();
        let chunks: Vec<_> =
            dataset.read(BatchPolicy { rows: 1000, bytes: 1 << 20 }).map(|chunk| chunk.unwrap()).collect();
        let parts: Vec<f64> = chunks.iter().map(|chunk| chunk.part).collect();
        // What is compressed so small is read at once.
        let begins = if format == "jsonl.gz" { 0.5 } else { 0.1 };
        assert!(parts.is_sorted() && parts[0] <= begins && parts.last() == Some(&1.0), "{format}: {parts:?}");
        let first = chunks.iter().filter(|chunk| chunk.file == 0).map(|chunk| chunk.part);
        assert_eq!(first.reduce(f64::max), Some(0.5), "{format}: {parts:?}");
    }
}
