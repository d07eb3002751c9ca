//! Data in a store: how much longer a run takes than on the disk, and what it fetches.

use std::cell::RefCell;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[path = "../../../support/s3/mod.rs"]
mod s3;
mod waiting;

use s3::{Fault, S3};

use crate::Result;
use crate::bench::Bench;
use crate::data::Expected;
use crate::markdown::grouped;
use crate::measure::{Measure, Unit};
use crate::pair::{Side, in_turn};
use crate::pipelines::reference;
use crate::process::{self, Watch};
use crate::report::{Section, Table};
use crate::sections::peers::{Peer, REMOTE, is_there, program};

pub(super) const ABOUT: &str = "A store on loopback, in the process of the benchmark: the tests' own server, which checks no signature and keeps objects in memory, so it takes processor \
time from what is measured. The reference pipeline from store to store beside the same from disk to disk, without and with 20 ms that the server adds to each request; objects of about 10 kB beside one object of the same rows, \
20 ms each, both from one thread that answers all connections: a thread for each would take more of this machine's processor time, of which a store elsewhere takes none; the bytes that a filter on one of fifty columns of Parquet has the server send; memory at five times as many rows; and the reference work by Polars and DuckDB from the same store to it.";

/// What a request to a store that is some way off takes longer.
const AWAY: Duration = Duration::from_millis(20);
/// About the bytes of a small object.
const SMALL: usize = 10_000;

pub(super) fn run(bench: &Bench, section: &mut Section) -> Result<()> {
    let server = Server::start();
    let (rows, expected) = bench.rows(bench.sizes().rows)?;
    let bytes = fs::read(&rows).map_err(|error| error.to_string())?;
    server.s3.put("rows.jsonl", &bytes);
    store_to_store(bench, section, &server, (&rows, &expected))?;
    beside_peers(bench, section, &server, &expected)?;
    let mut count = 0;
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let least = rest.len().min(SMALL);
        let end = rest[least..].iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| least + at + 1);
        server.s3.put(&format!("many/{count:06}.jsonl"), &rest[..end]);
        (rest, count) = (&rest[end..], count + 1);
    }
    small_objects(bench, section, &server.by_one_thread()?, count, &expected)?;
    columns(bench, section, &server)?;
    memory(bench, section, &server)
}

/// A store, and how pipelines reach it.
struct Server {
    s3: S3,
}

impl Server {
    fn start() -> Server {
        Server { s3: S3::start() }
    }

    /// The same objects, from one thread.
    fn by_one_thread(&self) -> Result<Server> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let s3 = S3 { state: self.s3.state.clone(), ..S3::to_be_at(&listener) };
        waiting::listen(listener, s3.state.clone());
        Ok(Server { s3 })
    }

    /// The text of a pipeline, whose places in a store are on this one.
    fn at(&self, text: &str) -> String {
        let access = format!("access = {{ anonymous = true, endpoint = \"{}\" }}\npath = \"s3://", self.s3.endpoint);
        text.replace("path = \"s3://", &access)
    }

    /// Runs a pipeline while requests take this much longer; seconds.
    fn timed(&self, bench: &Bench, pipeline: &Path, later: Option<Duration>) -> Result<f64> {
        match later {
            None => self.s3.right(),
            Some(later) => self.s3.fault(move |_| Some(Fault::Late(later))),
        }
        let done = bench.run_pipeline(pipeline, &["--fresh"]);
        self.s3.right();
        self.s3.requests();
        Ok(done?.ran.wall)
    }
}

fn store_to_store(bench: &Bench, section: &mut Section, server: &Server, of: (&Path, &Expected)) -> Result<()> {
    let (rows, expected) = of;
    let out = bench.path("out.jsonl");
    let here = bench.pipeline("local", &reference(rows, &out))?;
    let far = reference(Path::new("s3://b/rows.jsonl"), Path::new("s3://b/out.jsonl"));
    let far = bench.pipeline("store", &server.at(&far))?;
    let times = in_turn(
        bench.sizes().rounds,
        &mut [
            ("disk to disk", Box::new(|| server.timed(bench, &here, None))),
            ("store to store", Box::new(|| server.timed(bench, &far, None))),
            ("store to store, 20 ms a request", Box::new(|| server.timed(bench, &far, Some(AWAY)))),
        ],
    )?;
    fs::write(&out, server.s3.get("out.jsonl").unwrap_or_default()).map_err(|error| error.to_string())?;
    expected.check(&out)?;
    let mut table = Table::new(
        format!("Reference pipeline, {} rows", grouped(bench.sizes().rows)),
        &["from where", "time", "of the disk"],
    );
    for (name, times_of) in ["disk", "store", "store, 20 ms a request"].iter().zip(&times) {
        let milliseconds: Vec<f64> = times_of.iter().map(|time| time * 1e3).collect();
        table.row([
            (*name).into(),
            Measure::of(Unit::Milliseconds, &milliseconds).into(),
            Measure::ratio(times_of, &times[0]).into(),
        ]);
    }
    section.reach("remote/store", Measure::ratio(&times[1], &times[0]).median);
    section.reach("remote/away", Measure::ratio(&times[2], &times[0]).median);
    section.tables.push(table);
    Ok(())
}

/// The same from store to store by others.
fn beside_peers(bench: &Bench, section: &mut Section, server: &Server, expected: &Expected) -> Result<()> {
    let [rows, out] = ["s3://b/rows.jsonl", "s3://b/out.jsonl"];
    let ours = bench.pipeline("store", &server.at(&reference(Path::new(rows), Path::new(out))))?;
    let here: Vec<&Peer> = REMOTE.iter().filter(|peer| is_there(bench, section, peer)).collect();
    let theirs = |peer: &Peer| {
        let mut command = program(bench, peer);
        command.args([rows, out]).env("AWS_ENDPOINT_URL", &server.s3.endpoint).env("AWS_ALLOW_HTTP", "true");
        command.env("AWS_SKIP_SIGNATURE", "true").env("AWS_REGION", "us-east-1");
        let wall = process::run(&mut command, Watch::Process)?.wall;
        server.s3.requests();
        let written = bench.path("theirs.jsonl");
        fs::write(&written, server.s3.get("out.jsonl").unwrap_or_default()).map_err(|error| error.to_string())?;
        expected.check(&written).map(|()| wall)
    };
    let theirs = &theirs;
    let mut sides: Vec<Side<'_>> = vec![("callboard", Box::new(|| server.timed(bench, &ours, None)))];
    for peer in &here {
        sides.push((peer.name, Box::new(move || theirs(peer))));
    }
    let times = in_turn(bench.sizes().rounds, &mut sides)?;
    drop(sides);
    let mut table = Table::new("The same by others, store to store", &["tool", "time", "`callboard run` is faster by"]);
    for (side, times_of) in times.iter().enumerate() {
        let milliseconds: Vec<f64> = times_of.iter().map(|time| time * 1e3).collect();
        let faster = Measure::ratio(times_of, &times[0]);
        let name = if side == 0 { "`callboard run`" } else { here[side - 1].name };
        if side > 0 {
            section.reach(here[side - 1].target, faster.median);
        }
        table.row([
            name.into(),
            Measure::of(Unit::Milliseconds, &milliseconds).into(),
            if side == 0 { "".into() } else { faster.into() },
        ]);
    }
    section.tables.push(table);
    Ok(())
}

fn small_objects(
    bench: &Bench,
    section: &mut Section,
    server: &Server,
    count: usize,
    expected: &Expected,
) -> Result<()> {
    let out = bench.path("out.jsonl");
    let pipeline = |name: &str, path: &str| bench.pipeline(name, &server.at(&reference(Path::new(path), &out)));
    let (one, many) = (pipeline("one", "s3://b/rows.jsonl")?, pipeline("many", "s3://b/many/*.jsonl")?);
    let times = in_turn(
        bench.sizes().rounds,
        &mut [
            ("one object", Box::new(|| server.timed(bench, &one, Some(AWAY)))),
            ("small objects", Box::new(|| server.timed(bench, &many, Some(AWAY)))),
        ],
    )?;
    expected.check(&out)?;
    let ratio = Measure::ratio(&times[1], &times[0]);
    section.reach("remote/small", ratio.median);
    let title = format!("{} objects of about 10 kB, 20 ms a request", grouped(count as u64));
    let mut table = Table::new(title, &["objects", "time", "of one object"]);
    let time =
        |times: &[f64]| Measure::of(Unit::Milliseconds, &times.iter().map(|time| time * 1e3).collect::<Vec<_>>());
    table.row(["one".into(), time(&times[0]).into(), "".into()]);
    table.row(["small ones".into(), time(&times[1]).into(), ratio.into()]);
    section.tables.push(table);
    Ok(())
}

/// A filter on one of fifty columns.
fn columns(bench: &Bench, section: &mut Section, server: &Server) -> Result<()> {
    let rows = bench.path("wide.jsonl");
    let line = |row: u64| {
        let column = |at: u64| format!("\"c{at}\":\"{:016x}\"", (row * 50 + at).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        format!("{{\"id\":{row},{}}}\n", (0..49).map(column).collect::<Vec<_>>().join(","))
    };
    let text: String = (0..bench.sizes().rows / 5).map(line).collect();
    fs::write(&rows, text).map_err(|error| error.to_string())?;
    let ends = |from: &Path, to: &str, steps: &str| {
        format!(
            "callboard = 1\n\n[inputs.rows]\npath = \"{}\"\n\n{steps}\n[outputs.out]\npath = \"{to}\"\n",
            from.display()
        )
    };
    let copy = bench.pipeline("copy", &server.at(&ends(&rows, "s3://b/wide.parquet", "")))?;
    bench.run_pipeline(&copy, &["--fresh"])?;
    let whole = server.s3.get("wide.parquet").map_or(0, |bytes| bytes.len());
    let out: PathBuf = bench.path("some.jsonl");
    let steps = "[[steps]]\nuse = \"filter\"\nconfig = { where = \"id % 3 == 0\" }\n";
    let some = ends(Path::new("s3://b/wide.parquet"), &out.display().to_string(), steps) + "columns = [\"id\"]\n";
    let some = bench.pipeline("some", &server.at(&some))?;
    server.s3.state().sent = 0;
    bench.run_pipeline(&some, &["--fresh"])?;
    let sent = server.s3.state().sent;
    section.reach("remote/columns", sent as f64 / whole as f64);
    let mut table = Table::new("A filter on one of fifty columns", &["the file", "sent"]);
    table.row([Measure::one(Unit::Bytes, whole as f64).into(), Measure::one(Unit::Bytes, sent as f64).into()]);
    section.tables.push(table);
    Ok(())
}

fn memory(bench: &Bench, section: &mut Section, server: &Server) -> Result<()> {
    // Fewer rows do not fill what is on its way at a time.
    let sizes = [bench.sizes().resumed, 5 * bench.sizes().resumed];
    let mut table = Table::new("Memory, store to store", &["rows", "peak `VmRSS`"]);
    let mut medians = Vec::new();
    for rows in sizes {
        let (path, _) = bench.rows(rows)?;
        server.s3.put("rows.jsonl", fs::read(&path).map_err(|error| error.to_string())?);
        let text = reference(Path::new("s3://b/rows.jsonl"), Path::new("s3://b/out.jsonl"));
        let pipeline = bench.pipeline("store", &server.at(&text))?;
        let peaks = RefCell::new(Vec::new());
        for _ in 0..bench.sizes().rounds.min(3) {
            peaks.borrow_mut().push(bench.run_pipeline(&pipeline, &["--fresh"])?.ran.memory.resident as f64);
            server.s3.requests();
        }
        let peak = Measure::of(Unit::Bytes, &peaks.borrow());
        medians.push(peak.median);
        table.row([Measure::one(Unit::Count, rows as f64).into(), peak.into()]);
    }
    sizes.into_iter().for_each(|rows| bench.forget(rows));
    section.reach("remote/memory", medians[1] / medians[0]);
    section.tables.push(table);
    Ok(())
}
