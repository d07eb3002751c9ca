//! Compressed text, and files that are not what their names say.

use std::io::Write;

use callboard_io::{InputLimits, InputSpec};

use crate::bench::{Bench, POLICY, column, gz, join, zst};
use crate::both;

/// With a window, as `zstd --long` does it.
fn long(text: &str, log: u32) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(log).unwrap();
    encoder.include_contentsize(false).unwrap();
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A frame of one raw block that says it needs a window of this power of two.
fn frame(text: &str, log: u8) -> Vec<u8> {
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3];
    bytes.extend(&((text.len() as u32) << 3 | 1).to_le_bytes()[..3]);
    bytes.extend(text.as_bytes());
    bytes
}

#[test]
fn windows_are_read_up_to_the_limit() {
    let text = "{\"a\":1}\n";
    for log in [10, 20, 27] {
        let rows = join(&Bench::with("in.jsonl.zst", frame(text, log)).read(&["in.jsonl.zst"]).unwrap());
        assert_eq!(column(&rows, "a"), ["1"]);
    }
    Bench::with("in.jsonl.zst", long(text, 27)).read(&["in.jsonl.zst"]).unwrap();
    for (log, needed, key) in [(28, "256 MiB", "256MiB"), (30, "1 GiB", "1GiB"), (31, "2 GiB", "2GiB")] {
        let bench = Bench::with("in.jsonl.zst", frame(text, log));
        let (message, help) = bench.error(&["in.jsonl.zst"], &[]);
        let expected = format!("the zstd data need a window of {needed} (`zstd --long`), and 128 MiB are allowed");
        assert_eq!(message, format!("`in.jsonl.zst`: {expected}"));
        assert_eq!(help, format!("under `[inputs.docs]`: limits = {{ window = \"{key}\" }}"));
        let limits = InputLimits { window: 1 << log, ..Default::default() };
        let spec = InputSpec { limits, ..bench.spec(&["in.jsonl.zst"], &[]) };
        let chunks: Vec<_> = both::rows(&spec, POLICY).unwrap();
        assert_eq!(column(&join(&chunks), "a"), ["1"]);
    }
    // More than zstd itself can: no key helps.
    let (message, help) = Bench::with("in.jsonl.zst", frame(text, 33)).error(&["in.jsonl.zst"], &[]);
    assert!(
        message.contains("a window of 8 GiB")
            && help == "compress it again with a smaller window: zstd without `--long`",
        "{message}: {help}"
    );
    // A later frame.
    let bench = Bench::with("in.jsonl.zst", [frame(text, 20), frame(text, 31)].concat());
    let (message, help) = bench.error(&["in.jsonl.zst"], &[]);
    let expected = "the zstd data need a window (`zstd --long`) of more than the 128 MiB allowed";
    assert!(message.ends_with(expected), "{message}");
    assert_eq!(help, "under `[inputs.docs]`: limits = { window = \"2GiB\" }");
}

#[test]
fn frames_and_members_follow_each_other() {
    let (one, two) = ("{\"a\":1}\n", "{\"a\":2}\n");
    let skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    for (name, bytes) in [
        ("in.jsonl.gz", [gz(one), gz(""), gz(two)].concat()),
        ("in.jsonl.zst", [zst(one), zst(two)].concat()),
        ("in.jsonl.zst", [skippable.clone(), zst(one), skippable, zst(two)].concat()),
    ] {
        assert_eq!(column(&join(&Bench::with(name, bytes).read(&[name]).unwrap()), "a"), ["1", "2"]);
    }
}

#[test]
fn a_file_that_is_not_what_its_name_says() {
    let text = "{\"a\":1}\n";
    let utf16: Vec<u8> = "\u{feff}{\"a\":1}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: [(&str, Vec<u8>, &str, &str); 12] = [
        ("in.jsonl.gz", text.into(), "plain text", "rename it to `in.jsonl`"),
        ("in.jsonl.zst", text.into(), "plain text", "rename it to `in.jsonl`"),
        ("in.jsonl.gz", zst(text), "the file is zstd, not gzip", "`in.jsonl.zst`"),
        ("in.jsonl.zst", gz(text), "the file is gzip, not zstd", "`in.jsonl.gz`"),
        ("in.jsonl", gz(text), "the file is gzip", "`in.jsonl.gz`"),
        ("in.csv", zst("a\n1\n"), "the file is zstd", "`in.csv.zst`"),
        ("in.jsonl.gz", b"BZh91AY&SY\0\0".to_vec(), "the file is bzip2, not gzip", "bunzip2"),
        ("in.csv", b"\xfd7zXZ\0\0\0".to_vec(), "the file is xz", "unxz"),
        ("in.csv", b"PK\x03\x04\x14\0".to_vec(), "the file is a zip archive", "unzip"),
        ("in.jsonl", utf16.clone(), "the file is UTF-16", "iconv -f UTF-16 -t UTF-8"),
        ("in.csv", utf16[2..].to_vec(), "the file is UTF-16", "iconv -f UTF-16LE -t UTF-8"),
        ("in.jsonl.gz", gz(gz(text)), "the gzip data hold gzip", "decompress it first"),
    ];
    for (name, bytes, message, help) in cases {
        let bench = Bench::with(name, bytes);
        let found = bench.error(&[name], &[]);
        assert!(found.0.contains(message) && found.1.contains(help), "{name}: {found:?}");
        assert!(!found.0.contains("cut short") && !found.0.contains("corrupt"), "{found:?}");
    }
    let bench = Bench::with("rows.jsonl", text);
    let rows = bench.read(&["rows.jsonl"]).unwrap()[0].rows.clone();
    for (name, is) in [("out.parquet", "Parquet"), ("out.arrow", "Arrow IPC")] {
        bench.write(name, std::slice::from_ref(&rows)).unwrap();
        bench.put("in.jsonl", bench.bytes(name));
        let (message, help) = bench.error(&["in.jsonl"], &[]);
        assert_eq!(message, format!("`in.jsonl`: the file is {is}"));
        assert!(help.starts_with("say what it is: format = "), "{help}");
    }
    // Cut within the first bytes: that is what it is.
    for (name, bytes) in
        [("in.jsonl.gz", &gz(text)[..1]), ("in.jsonl.gz", &gz(text)[..6]), ("in.jsonl.zst", &zst(text)[..2])]
    {
        let (message, _) = Bench::with(name, bytes).error(&[name], &[]);
        assert!(message.ends_with("data end too early: the file was cut short"), "{message}");
    }
}

/// What a checksum says of data that can be decompressed all the same is an error, wherever it is noticed.
#[test]
fn a_checksum_that_does_not_match_is_an_error() {
    let checked = |text: &str| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    for rows in [1, 1_000, 100_000] {
        let json = (0..rows).map(|n| format!("{{\"n\":{n}}}\n")).collect::<String>();
        let csv = "n\n".to_owned() + &(0..rows).map(|n| format!("{n}\n")).collect::<String>();
        for (format, text) in [("jsonl", &json), ("csv", &csv)] {
            for (extension, whole, trailer) in [("gz", gz(text), 8), ("zst", checked(text), 4)] {
                let name = format!("in.{format}.{extension}");
                assert!(Bench::with(&name, &whole).read(&[&name]).is_ok());
                for at in whole.len() - trailer..whole.len() {
                    let mut bytes = whole.clone();
                    bytes[at] ^= 0x10;
                    let (message, _) = Bench::with(&name, bytes).error(&[&name], &[]);
                    assert!(message.contains("data are corrupt"), "{rows} rows of {name}, byte {at}: {message}");
                }
            }
        }
    }
    // Of a small file every byte matters but six, which say when and where it was made.
    let whole = gz("{\"n\":1}\n{\"n\":2}\n");
    for at in (0..4).chain(10..whole.len()) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        assert!(Bench::with("in.jsonl.gz", bytes).read(&["in.jsonl.gz"]).is_err(), "byte {at}");
    }
}
