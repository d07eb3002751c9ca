//! Inputs that are not on this machine's disk: the same rows, whatever goes wrong on the way, or words that say what it was.

use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use callboard_io::{Access, BatchPolicy, Dataset, ErrorKind, InputSpec, IoError, OutputSpec, Stop, check_writable};
use callboard_io::{Staged, Writer, beneath::Dir, waited_for};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use crate::s3::{Fault, Request, S3};

fn spec(server: &S3, paths: &[&str]) -> InputSpec {
    let access = Access { anonymous: true, endpoint: Some(server.endpoint.clone()), region: None };
    InputSpec {
        name: "docs".into(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        access,
        ..InputSpec::default()
    }
}

fn rows_of(spec: &InputSpec) -> Result<RecordBatch, IoError> {
    let dataset = Dataset::open(spec)?;
    let chunks: Result<Vec<_>, _> = dataset.read(BatchPolicy { rows: 1000, bytes: 1 << 20 }).collect();
    let rows: Vec<RecordBatch> = chunks?.into_iter().map(|chunk| chunk.rows).collect();
    Ok(concat_batches(&dataset.schema(), &rows).unwrap())
}

/// Rows of several columns, whose texts compress badly.
fn some_rows(count: usize) -> RecordBatch {
    let mut state = 7_u64;
    let mut word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{state:016x}")
    };
    let mut columns: Vec<(String, ArrayRef)> =
        vec![("id".to_owned(), Arc::new(Int64Array::from_iter_values(0..count as i64)))];
    for name in ["a", "b", "c"] {
        let texts = (0..count).map(|_| (0..20).map(|_| word()).collect::<String>());
        columns.push((name.to_owned(), Arc::new(StringArray::from_iter_values(texts))));
    }
    RecordBatch::try_from_iter(columns).unwrap()
}

/// The bytes of a file of these rows.
fn written(name: &str, rows: &RecordBatch) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let spec = OutputSpec {
        name: "out".into(),
        path: folder.path().join(name),
        access: Default::default(),
        format: None,
        compression: None,
        level: None,
        parts: callboard_io::Parts::default(),
    };
    let place = check_writable(&spec).unwrap();
    let staged = Staged::new(&Dir::open(folder.path()).unwrap(), "staged");
    let mut writer = Writer::create(&spec, rows.schema(), &staged).unwrap();
    writer.write(rows).unwrap();
    writer.finish().unwrap().commit(&place, false).unwrap();
    std::fs::read(&spec.path).unwrap()
}

fn on_disk(name: &str, bytes: &[u8]) -> RecordBatch {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    rows_of(&InputSpec { base: folder.path().into(), paths: vec![name.into()], ..InputSpec::default() }).unwrap()
}

/// One that refuses connections may be starting, and is asked again as one is that is overloaded.
#[test]
fn a_server_that_is_started_again_is_waited_for() {
    // No connection of this machine begins at this address, so nobody else takes the port meanwhile.
    let listener = TcpListener::bind("127.0.7.7:0").unwrap();
    let (server, address) = (S3::to_be_at(&listener), listener.local_addr().unwrap());
    drop(listener);
    server.put("x.jsonl", "{\"id\": 1}\n");
    let spec = spec(&server, &["s3://b/x.jsonl"]);
    let reading = std::thread::spawn(move || rows_of(&spec));
    while !reading.is_finished() && waited_for().is_none() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!reading.is_finished(), "it was given up");
    server.listen(TcpListener::bind(address).unwrap(), Some);
    assert_eq!(reading.join().unwrap().unwrap().num_rows(), 1);
}

#[test]
fn every_format_has_the_rows_that_it_has_on_the_disk() {
    let (server, rows) = (S3::start(), some_rows(8_000));
    for name in ["x.jsonl", "x.jsonl.gz", "x.jsonl.zst", "x.csv", "x.parquet", "x.arrow"] {
        let bytes = written(name, &rows);
        server.put(name, &bytes);
        let there = rows_of(&spec(&server, &[&format!("s3://b/{name}")])).unwrap();
        assert_eq!(there, on_disk(name, &bytes), "{name}");
        assert_eq!(there.num_rows(), 8_000);
    }
}

#[test]
fn a_pattern_lists_only_what_begins_like_it() {
    let server = S3::start();
    server.state().page = 3;
    for at in 0..10 {
        server.put(&format!("docs/part-{at}.jsonl"), format!("{{\"id\": {at}}}\n"));
        server.put(&format!("docs/below/part-{at}.jsonl"), "{\"id\": -1}\n");
        server.put(&format!("docz/part-{at}.jsonl"), "{\"id\": -1}\n");
    }
    server.put("docs/.hidden.jsonl", "no JSON");
    let dataset = Dataset::open(&spec(&server, &["s3://b/docs/part-*.jsonl"])).unwrap();
    let names: Vec<String> = dataset.files().iter().map(|file| file.display().to_string()).collect();
    assert_eq!(names.len(), 10);
    assert_eq!(names[3], "s3://b/docs/part-3.jsonl");
    assert!(dataset.versions().iter().all(Option::is_some));
    let lists: Vec<String> = server.requests().into_iter().filter(|line| line.contains("list-type")).collect();
    assert_eq!(lists.len(), 4, "{lists:?}");
    assert!(lists.iter().all(|list| list.contains("prefix=docs/part-") && list.contains("delimiter=/")), "{lists:?}");

    // As on the disk: a name that looks like a pattern is that name, where there is such an object.
    for at in ["odd/[ab].jsonl", "odd/a.jsonl", "hub/odd/[ab].jsonl", "hub/odd/a.jsonl"] {
        server.put(at, format!("{{\"id\": {}}}\n", at.len()));
    }
    for (path, ids) in [("s3://b/odd/[ab].jsonl", [14]), ("s3://b/odd/[ac].jsonl", [11])] {
        let rows = rows_of(&spec(&server, &[path])).unwrap();
        assert_eq!(rows.column(0).as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec(), ids, "{path}");
    }
    let of_hub = Dataset::open(&spec(&server, &["hf://datasets/o/n/odd/[ab].jsonl"])).unwrap();
    assert_eq!(of_hub.files(), [Path::new("hf://datasets/o/n/odd/[ab].jsonl")]);

    let all = rows_of(&spec(&server, &["s3://b/docs/**/*.jsonl"])).unwrap();
    assert_eq!(all.num_rows(), 20);
    let listed = rows_of(&spec(&server, &["s3://b/docs/part-[0-2].jsonl", "s3://b/docs/part-9.jsonl"])).unwrap();
    let ids = listed.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
    assert_eq!(ids.values().to_vec(), [0, 1, 2, 9]);
}

#[test]
fn a_mixed_list_keeps_its_order() {
    let (server, folder) = (S3::start(), tempfile::tempdir().unwrap());
    server.put("x.jsonl", "{\"id\": 2}\n");
    std::fs::write(folder.path().join("x.jsonl"), "{\"id\": 1}\n").unwrap();
    let web = format!("{}/b/x.jsonl", server.endpoint);
    let spec = InputSpec { base: folder.path().into(), ..spec(&server, &["x.jsonl", "s3://b/x.jsonl", &web]) };
    let rows = rows_of(&spec).unwrap();
    let ids = rows.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
    assert_eq!(ids.values().to_vec(), [1, 2, 2]);
    let dataset = Dataset::open(&spec).unwrap();
    assert_eq!(dataset.on_disk().collect::<Vec<_>>(), [folder.path().join("x.jsonl")]);
    assert_eq!(dataset.versions()[0], None);
    assert_eq!(dataset.versions()[1], dataset.versions()[2]);
}

/// Faults that end, each at some of the requests.
#[test]
fn what_goes_wrong_on_the_way_changes_no_row() {
    let (server, rows) = (S3::start(), some_rows(12_000));
    // Of a server of the web, an answer need not have a length.
    type Choose = fn(&Request) -> Option<Fault>;
    let faults: [(&str, Choose); 6] = [
        ("broken in the middle", |request| (request.number % 2 == 0).then_some(Fault::Cut(1000))),
        ("broken at once", |request| (request.number % 3 != 0).then_some(Fault::Cut(0))),
        ("too short", |request| (request.number % 2 == 1).then_some(Fault::Short(70_000))),
        ("busy", |request| (request.number % 3 == 1).then_some(Fault::Status(503, "SlowDown", None))),
        ("too many", |request| (request.number % 3 == 1).then_some(Fault::Status(429, "TooManyRequests", Some(0)))),
        ("failing", |request| (request.number % 2 == 1).then_some(Fault::Status(500, "InternalError", None))),
    ];
    for name in ["x.jsonl.gz", "x.parquet"] {
        let bytes = written(name, &rows);
        server.put(name, &bytes);
        let right = on_disk(name, &bytes);
        for (what, fault) in faults {
            server.fault(fault);
            let path = match what {
                "too short" => format!("{}/b/{name}", server.endpoint),
                _ => format!("s3://b/{name}"),
            };
            let there = rows_of(&spec(&server, &[&path]));
            assert_eq!(there.unwrap_or_else(|error| panic!("{name}, {what}: {error}")), right, "{name}, {what}");
        }
    }
}

/// Faults that do not end, and what is said.
#[test]
fn what_stays_wrong_is_said() {
    let server = S3::start();
    server.put("x.jsonl", "{\"id\": 1}\n".repeat(200_000));
    server.put("x.parquet", written("x.parquet", &some_rows(10_000)));
    let said = |path: &str| {
        let error = rows_of(&spec(&server, &[path])).unwrap_err();
        (error.kind(), format!("{error}\n{}", error.help().unwrap_or_default()))
    };
    for (path, message) in [
        (
            "s3://b/none.jsonl",
            "`s3://b/none.jsonl`: cannot open: S3 answers 404 NoSuchKey: The specified key does not exist.\ncheck the key, letter by letter",
        ),
        (
            "s3://no/x.jsonl",
            "cannot open: S3 answers 404 NoSuchBucket: The specified bucket does not exist\ncheck the name `no`",
        ),
        ("s3://b/none-*.jsonl", "the pattern matches no object: there are none whose names begin with `none-`"),
        ("s3://b/x*.csv", "the pattern matches none of the 2 objects whose names begin with `x`"),
        ("s3://b/a//x.jsonl", "the key has an empty part"),
        ("s3://b/x.jsonl/", "it names no object, but all of a bucket or a folder"),
    ] {
        let (kind, text) = said(path);
        assert!(text.contains(message), "{text}");
        assert_eq!(kind, ErrorKind::Spec, "{text}");
    }
    server.state().unlisted = true;
    let (kind, text) = said("s3://b/*.jsonl");
    assert!(
        text.contains("403 AccessDenied: no identity-based policy allows s3:ListBucket\nlisting may be forbidden"),
        "{text}"
    );
    assert_eq!(kind, ErrorKind::System);

    let read = |request: &Request| request.method == "GET" && request.range() != Some((0, 0));
    for path in ["s3://b/x.jsonl", "s3://b/x.parquet"] {
        server.fault(move |request| read(request).then_some(Fault::Long(5)));
        let (kind, text) = said(&path.replace("s3:/", &server.endpoint));
        assert!(text.contains("the server sends more than it was asked for"), "{text}");
        assert_eq!(kind, ErrorKind::System, "{text}");
        server.fault(move |request| read(request).then_some(Fault::Shifted(3)));
        let (kind, text) = said(path);
        assert!(text.contains("S3 gave no usable answer"), "{text}");
        assert_eq!(kind, ErrorKind::System, "{text}");
        server.fault(move |request| read(request).then_some(Fault::Status(400, "ExpiredToken", None)));
        let (_, text) = said(path);
        assert!(text.contains("S3 answers 400 ExpiredToken") && text.contains("get new credentials"), "{text}");
        server.fault(|request| (request.method == "GET").then_some(Fault::Status(403, "RequestTimeTooSkewed", None)));
        let (_, text) = said(path);
        assert!(text.contains("clock is wrong") && text.contains("set this machine's clock"), "{text}");
        server.fault(|_| Some(Fault::Elsewhere("eu-west-3")));
        let (kind, text) = said(path);
        assert!(text.contains("S3 answers 301 PermanentRedirect: The bucket you are attempting"), "{text}");
        assert!(text.contains("; the bucket is in `eu-west-3`"), "{text}");
        assert!(text.ends_with("access = { region = \"eu-west-3\" }"), "{text}");
        assert_eq!(kind, ErrorKind::Spec, "{text}");
        server.right();
    }
}

#[test]
fn an_object_that_changes_while_it_is_read_is_noticed() {
    let server = Arc::new(S3::start());
    let line = "{\"id\": 1}\n";
    server.put("x.jsonl", line.repeat(400_000));
    let (state, seen) = (server.state.clone(), AtomicUsize::new(0));
    server.fault(move |request| {
        if request.range().is_some() && seen.fetch_add(1, Ordering::Relaxed) == 2 {
            state
                .lock()
                .unwrap()
                .objects
                .insert("b/x.jsonl".to_owned(), (line.repeat(400_000).into_bytes().into(), 99));
        }
        None
    });
    let error = rows_of(&spec(&server, &["s3://b/x.jsonl"])).unwrap_err();
    assert!(error.to_string().contains("S3 answers 412 PreconditionFailed"), "{error}");
    assert_eq!(
        (error.kind(), error.help()),
        (ErrorKind::Data, Some("it changed while it was being read: run the pipeline again"))
    );
}

#[test]
fn a_busy_server_is_left_alone_for_as_long_as_it_says() {
    let server = S3::start();
    server.put("x.jsonl", "{\"id\": 1}\n");
    server.fault(|request| (request.number == 0).then_some(Fault::Status(503, "SlowDown", Some(1))));
    let began = std::time::Instant::now();
    rows_of(&spec(&server, &["s3://b/x.jsonl"])).unwrap();
    // At least: nothing depends on how fast this machine is.
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[test]
fn waiting_ends_when_it_is_stopped() {
    let server = S3::start();
    server.put("x.jsonl", "{\"id\": 1}\n".repeat(200_000));
    let (stopped, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = stopped.clone();
    server.fault(move |request| {
        request.range().map(|_| {
            seen.store(1, Ordering::Relaxed);
            Fault::Late(Duration::from_secs(3600))
        })
    });
    let stop = Stop::when(move || {
        asked.fetch_add(1, Ordering::Relaxed);
        stopped.load(Ordering::Relaxed) == 1
    });
    let error = rows_of(&InputSpec { stop, ..spec(&server, &["s3://b/x.jsonl"]) }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}

/// What is not announced is fetched when it is wanted, what is announced once.
#[test]
fn parquet_is_fetched_once_in_few_requests() {
    let server = S3::start();
    let bytes = written("x.parquet", &some_rows(24_000));
    server.put("x.parquet", &bytes);
    let dataset = Dataset::open(&spec(&server, &["s3://b/x.parquet"])).unwrap();
    let footer = server.state().sent;
    assert!(footer <= 256 << 10, "{footer} bytes for the schema of {}", bytes.len());
    server.requests();
    let rows: usize =
        dataset.read(BatchPolicy { rows: 1000, bytes: 1 << 20 }).map(|chunk| chunk.unwrap().rows.num_rows()).sum();
    assert_eq!(rows, 24_000);
    let sent = server.state().sent - footer;
    let requests = server.requests();
    assert!(sent <= bytes.len() as u64 + (512 << 10), "{sent} bytes of {}", bytes.len());
    assert!(requests.len() <= 2 + bytes.len().div_ceil(2 << 20), "{requests:?}");
}

/// What says where the batches are, and what they hold, is fetched without them.
#[test]
fn the_batches_of_an_arrow_file_are_looked_at_without_their_rows() {
    let server = S3::start();
    let bytes = written("x.arrow", &some_rows(24_000));
    server.put("x.arrow", &bytes);
    let dataset = Dataset::open(&spec(&server, &["s3://b/x.arrow"])).unwrap();
    let sent = server.state().sent;
    assert!(sent <= 640 << 10, "{sent} bytes for the schema of {}", bytes.len());
    let rows: usize =
        dataset.read(BatchPolicy { rows: 1000, bytes: 1 << 20 }).map(|chunk| chunk.unwrap().rows.num_rows()).sum();
    assert_eq!(rows, 24_000);
}

#[test]
fn web_servers_need_not_know_ranges() {
    let (server, rows) = (S3::start(), some_rows(5_000));
    for name in ["x.jsonl", "x.parquet"] {
        let bytes = written(name, &rows);
        server.put(name, &bytes);
        let right = on_disk(name, &bytes);
        let path = format!("{}/b/{name}?page=1", server.endpoint);
        assert_eq!(rows_of(&spec(&server, &[&path])).unwrap(), right, "{name}");
        server.fault(|_| Some(Fault::NoRanges));
        assert_eq!(rows_of(&spec(&server, &[&path])).unwrap(), right, "{name}");
        server.right();
    }
    let dataset = Dataset::open(&spec(&server, &[&format!("{}/b/x.jsonl?page=1", server.endpoint)])).unwrap();
    assert_eq!(dataset.files()[0], Path::new(&format!("{}/b/x.jsonl", server.endpoint)));
}

/// Many servers know nothing of `If-Match`: what they send says which version it is of.
#[test]
fn rows_of_two_versions_are_not_put_together() {
    let bytes = written("x.jsonl", &some_rows(5_000));
    for obeys in [true, false] {
        for path in ["s3://b/x.jsonl", "HTTP/b/x.jsonl"] {
            let server = S3::start();
            server.put("x.jsonl", &bytes);
            let path = path.replace("HTTP", &server.endpoint);
            let dataset = Dataset::open(&spec(&server, &[&path])).unwrap();
            server.put("x.jsonl", &bytes);
            if !obeys {
                server.fault(|_| Some(Fault::NoConditions));
            }
            let read: Result<Vec<_>, _> = dataset.read(BatchPolicy { rows: 1000, bytes: 1 << 20 }).collect();
            let error = read.err().unwrap_or_else(|| panic!("{path}, obeys: {obeys}"));
            assert_eq!(error.kind(), ErrorKind::Data, "{path}, obeys: {obeys}: {error}");
        }
    }
}

#[test]
fn ten_thousand_small_objects_take_a_request_each_of_which_many_go_at_once() {
    const AT_ONCE: usize = 64;
    let server = S3::start();
    for at in 0..10_000 {
        server.put(&format!("many/{at:05}.jsonl"), format!("{{\"id\": {at}}}\n"));
    }
    let (under_way, most) = (Arc::new((Mutex::new(0), Condvar::new())), Arc::new(AtomicUsize::new(0)));
    let (seen, reached) = (under_way.clone(), most.clone());
    // The first ones are answered when all of them have come.
    server.fault(move |request| {
        if request.range().is_some() {
            let (come, changed) = &*seen;
            let mut come = come.lock().unwrap();
            *come += 1;
            changed.notify_all();
            let most = Duration::from_secs(60);
            let waited = changed.wait_timeout_while(come, most, |come| *come < AT_ONCE).unwrap();
            if !waited.1.timed_out() {
                reached.store(*waited.0, Ordering::Relaxed);
            }
        }
        None
    });
    let rows = rows_of(&spec(&server, &["s3://b/many/*.jsonl"])).unwrap();
    assert_eq!(rows.num_rows(), 10_000);
    let ids = rows.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
    assert!(ids.values().iter().enumerate().all(|(at, id)| at as i64 == *id));
    let (lists, objects): (Vec<String>, Vec<String>) =
        server.requests().into_iter().partition(|line| line.contains("list-type"));
    assert_eq!((lists.len(), objects.len()), (10, 10_000));
    assert!(most.load(Ordering::Relaxed) >= AT_ONCE);
}

/// One request finds an object and has its beginning, which is not fetched again.
#[test]
fn what_was_looked_at_is_not_fetched_again() {
    let (server, rows) = (S3::start(), some_rows(12_000));
    for (name, most) in [("x.jsonl", 5), ("x.jsonl.gz", 4), ("x.parquet", 3), ("one.jsonl", 1), ("one.parquet", 1)] {
        let rows = if name.starts_with("one") { rows.slice(0, 10) } else { rows.clone() };
        let bytes = written(name, &rows);
        server.put(name, &bytes);
        server.state().sent = 0;
        assert_eq!(rows_of(&spec(&server, &[&format!("s3://b/{name}")])).unwrap(), on_disk(name, &bytes));
        let (requests, sent) = (server.requests(), server.state().sent);
        assert!(requests.iter().all(|line| line.starts_with("GET")) && requests.len() <= most, "{requests:?}");
        assert!(sent <= bytes.len() as u64 + (64 << 10), "{sent} bytes of {}", bytes.len());
    }
    server.put("none.jsonl", "");
    let none = Dataset::open(&spec(&server, &["s3://b/none.jsonl"])).unwrap();
    assert_eq!((none.bytes(), none.schema().fields().len()), (0, 0));
}

/// Datasets of the hub, listed by pages and read at one commit.
#[test]
fn datasets_of_the_hub_are_listed_and_read_at_one_commit() {
    let (server, rows) = (S3::start(), some_rows(2_000));
    server.state().page = 2;
    for at in 0..5 {
        server.put(&format!("hub/data/train-{at}.jsonl"), format!("{{\"id\": {at}}}\n"));
    }
    server.put("hub/data/below/train-9.jsonl", "{\"id\": 9}\n");
    server.put("hub/a b.parquet", written("x.parquet", &rows));
    let ids = |path: &str| {
        let rows = rows_of(&spec(&server, &[path])).unwrap_or_else(|error| panic!("{path}: {error}"));
        rows.column(0).as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec()
    };
    assert_eq!(ids("hf://datasets/o/n/data/train-*.jsonl"), [0, 1, 2, 3, 4]);
    assert_eq!(ids("hf://datasets/o/n@v1/data/train-[13].jsonl"), [1, 3]);
    assert_eq!(ids("hf://datasets/o/n@~parquet/**/train-?.jsonl"), [9, 0, 1, 2, 3, 4]);
    assert_eq!(ids("hf://datasets/o/n@refs%2Fconvert%2Fparquet/data/train-2.jsonl"), [2]);
    let parquet = rows_of(&spec(&server, &["hf://datasets/o/n/*.parquet"])).unwrap();
    assert_eq!(parquet, rows);
    let dataset = Dataset::open(&spec(&server, &["hf://datasets/o/n/data/*.jsonl"])).unwrap();
    assert_eq!(dataset.files()[0], Path::new("hf://datasets/o/n/data/train-0.jsonl"));
    assert!(dataset.versions().iter().all(Option::is_some));
    for (path, said) in [
        ("hf://datasets/o/none/x.jsonl", "the hub answers 404 RepoNotFound: Repository not found"),
        ("hf://datasets/o/n@none/x.jsonl", "the hub answers 404 RevisionNotFound: Invalid rev id"),
        ("hf://datasets/o/n/*.csv", "the pattern matches none of the 1 files of the dataset"),
        ("hf://datasets/o/n/none.jsonl", "the hub answers 404 NoSuchKey"),
        ("hf://datasets/o/n", "it names no file, but a dataset or a folder"),
    ] {
        let error = rows_of(&spec(&server, &[path])).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(error.kind(), ErrorKind::Spec, "{error}");
    }
}

/// Fifty columns of texts that compress badly, and row groups as small as their writer made them.
fn fifty_columns(rows: usize, group: usize) -> (RecordBatch, Vec<u8>) {
    let mut state = 7_u64;
    let mut word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{state:016x}{:016x}", state.rotate_left(17))
    };
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for at in 0..50 {
        let texts = (0..rows).map(|_| word());
        columns.push((format!("c{at}"), Arc::new(StringArray::from_iter_values(texts))));
    }
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).unwrap();
    writer.write(&rows).unwrap();
    (rows, writer.into_inner().unwrap())
}

/// What a reader of one of fifty columns fetches, of files of several sizes.
#[test]
fn columns_that_nobody_reads_are_not_fetched() {
    for (count, group) in [(600, 600), (6_000, 1_000), (20_000, 20_000)] {
        let server = S3::start();
        let (rows, bytes) = fifty_columns(count, group);
        server.put("x.parquet", &bytes);
        let dataset = Dataset::open(&spec(&server, &["s3://b/x.parquet"])).unwrap();
        let some = dataset.only(&[3]).unwrap();
        assert_eq!(some.schema().fields().len(), 1);
        let read: Vec<_> = some.read(BatchPolicy { rows: 1000, bytes: 1 << 20 }).map(|chunk| chunk.unwrap()).collect();
        let read = concat_batches(&some.schema(), read.iter().map(|chunk| &chunk.rows)).unwrap();
        assert_eq!(read, rows.project(&[3]).unwrap());
        let sent = server.state().sent;
        assert!(sent <= bytes.len() as u64 / 10, "{sent} bytes of {}", bytes.len());
    }
}

/// Batches end where they end whichever columns are read, and rows keep their numbers.
#[test]
fn where_batches_end_does_not_depend_on_the_columns_that_are_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.parquet"), fifty_columns(2_000, 700).1).unwrap();
    let paths = vec!["x.parquet".into()];
    let dataset = Dataset::open(&InputSpec { base: folder.path().into(), paths, ..InputSpec::default() }).unwrap();
    let ends = |columns: &[usize]| {
        let chunks = dataset.only(columns).unwrap().read(BatchPolicy { rows: 1000, bytes: 200_000 });
        let last = |chunk: callboard_io::Chunk| chunk.origin.value(chunk.origin.len() - 1);
        chunks.map(|chunk| last(chunk.unwrap())).collect::<Vec<_>>()
    };
    let one = ends(&[0]);
    assert!(one.len() > 10 && one.last() == Some(&2_000), "{one:?}");
    for columns in [&[1, 2][..], &[49], &(0..49).collect::<Vec<_>>()] {
        assert_eq!(ends(columns), one, "{columns:?}");
    }
}

/// What is wrong with a column is found where the column is read.
#[test]
fn a_corrupt_column_is_an_error_for_whoever_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_, mut bytes) = fifty_columns(2_000, 2_000);
    // The pages of the 26th column.
    let middle = bytes.len() / 2;
    bytes[middle..middle + 200].fill(0xff);
    std::fs::write(folder.path().join("x.parquet"), &bytes).unwrap();
    let paths = vec!["x.parquet".into()];
    let dataset = Dataset::open(&InputSpec { base: folder.path().into(), paths, ..InputSpec::default() }).unwrap();
    let read =
        |dataset: &Dataset| dataset.read(BatchPolicy { rows: 1000, bytes: 1 << 20 }).collect::<Result<Vec<_>, _>>();
    assert!(read(&dataset).is_err());
    let chunks = read(&dataset.only(&[0, 49]).unwrap()).unwrap();
    assert_eq!(chunks.iter().map(|chunk| chunk.rows.num_rows()).sum::<usize>(), 2_000);
}
