//! The same work in what a user would take instead, where it is installed.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::bench::Bench;
use crate::data::Expected;
use crate::machine::said;
use crate::markdown::grouped;
use crate::measure::{Measure, Unit};
use crate::pair::{Side, in_turn, in_turn_at_once};
use crate::pipelines::{near_duplicates, reference};
use crate::process::{self, Memory, Ran, Watch};
use crate::report::{Section, Table};

pub(super) const ABOUT: &str = "The reference work from JSON Lines to JSON Lines, by the programs under `tests/bench/peers` and by `callboard run` with its own defaults, \
each in a process of its own whose starting counts; what each puts out is checked. Times of what is fast are measured in turn; distilabel, which takes minutes, in turn with a run of its own. \
Memory is `VmRSS`; of distilabel, which works in many processes, the sum of `Pss`, where shared pages count once.";

/// Somebody who does the same work.
pub(super) struct Peer {
    pub(super) target: &'static str,
    pub(super) name: &'static str,
    pub(super) program: &'static str,
    /// What its program needs: how it is imported, and how it is installed. None for what Python brings.
    pub(super) package: Option<(&'static str, &'static str)>,
}

/// What reads from a store and writes to one, too.
pub(super) const REMOTE: [Peer; 2] = [
    Peer { target: "remote/polars", name: "Polars", program: "with_polars.py", package: Some(("polars", "polars")) },
    Peer {
        target: "remote/duckdb",
        name: "DuckDB",
        program: "with_duckdb.py",
        package: Some(("duckdb_ext", "duckdb==1.4.4 duckdb-ext-httpfs==1.4.4.*")),
    },
];
const FAST: [Peer; 3] = [
    Peer { target: "peers/python", name: "plain Python", program: "plain.py", package: None },
    Peer { target: "peers/polars", name: "Polars", program: "with_polars.py", package: Some(("polars", "polars")) },
    Peer { target: "peers/duckdb", name: "DuckDB", program: "with_duckdb.py", package: Some(("duckdb", "duckdb")) },
];
const DISTILABEL: Peer = Peer {
    target: "peers/distilabel",
    name: "distilabel",
    program: "with_distilabel.py",
    package: Some(("distilabel.pipeline", "distilabel")),
};
const DATATROVE: Peer = Peer {
    target: "peers/datatrove",
    name: "datatrove",
    program: "with_datatrove.py",
    package: Some(("datatrove.pipeline.dedup", "datatrove regex spacy orjson tokenizers 'xxhash<4'")),
};

pub(super) fn run(bench: &Bench, section: &mut Section) -> Result<()> {
    let peers: Vec<&Peer> = FAST.iter().filter(|peer| is_there(bench, section, peer)).collect();
    let work = Work::new(bench)?;
    let rows = bench.sizes().rows;
    let columns = ["tool", "time", "processor time", "peak memory", "`callboard run` is faster by"];
    let mut table = Table::new(format!("Reference work, {} rows", grouped(rows)), &columns);
    if !peers.is_empty() {
        beside(&work, section, &mut table, &peers, Watch::Process)?;
    }
    if is_there(bench, section, &DISTILABEL) {
        let [ours, theirs] = beside(&work, section, &mut table, &[&DISTILABEL], Watch::Tree)?;
        section.reach("peers/memory", ours / theirs);
    } else {
        section.leave_out("peers/memory", "distilabel is not installed");
    }
    section.tables.push(table);
    if is_there(bench, section, &DATATROVE) {
        documents(bench, section)?;
    }
    Ok(())
}

/// Whether a peer can be run; otherwise the section says so.
pub(super) fn is_there(bench: &Bench, section: &mut Section, peer: &Peer) -> bool {
    let python = bench.options.python.display();
    let asked = match peer.package {
        None => "import platform; print(platform.python_version())".to_owned(),
        Some((module, line)) => {
            let package = line.split([' ', '=']).next().unwrap_or(line);
            format!("import {module}; from importlib.metadata import version; print(version('{package}'))")
        }
    };
    match said(Command::new(&bench.options.python).args(["-c", &asked])) {
        Some(version) => {
            bench.used(peer.name, &version);
            true
        }
        None => {
            let why = match peer.package {
                None => format!("there is no `{python}`"),
                Some((_, line)) => {
                    format!("`{python}` cannot import it: `pip install {line}`, and `--python PATH`")
                }
            };
            section.leave_out(peer.target, why);
            false
        }
    }
}

/// The reference work, by whomever.
struct Work<'a> {
    bench: &'a Bench,
    rows: PathBuf,
    expected: Expected,
    out: PathBuf,
    pipeline: PathBuf,
}

impl Work<'_> {
    fn new(bench: &Bench) -> Result<Work<'_>> {
        let (rows, expected) = bench.rows(bench.sizes().rows)?;
        let out = bench.path("out.jsonl");
        let pipeline = bench.pipeline("reference", &reference(&rows, &out))?;
        Ok(Work { bench, rows, expected, out, pipeline })
    }

    /// Nobody pays for removing what was there before.
    fn ours(&self) -> Result<Ran> {
        let _ = std::fs::remove_file(&self.out);
        let ran = self.bench.run_pipeline(&self.pipeline, &[])?.ran;
        self.expected.check(&self.out)?;
        Ok(ran)
    }

    fn theirs(&self, peer: &Peer, watch: Watch) -> Result<Ran> {
        let out = self.bench.path("theirs.jsonl");
        let _ = std::fs::remove_file(&out);
        let ran = process::run(program(self.bench, peer).arg(&self.rows).arg(&out), watch)?;
        self.expected.check(&out)?;
        Ok(ran)
    }
}

/// A peer's program, in a folder of its own for whatever it keeps.
pub(super) fn program(bench: &Bench, peer: &Peer) -> Command {
    let folder = bench.path("peer");
    let _ = std::fs::remove_dir_all(&folder).and_then(|()| std::fs::create_dir_all(&folder));
    let _ = std::fs::create_dir_all(&folder);
    let mut command = Command::new(&bench.options.python);
    command.arg(bench.options.root.join("tests/bench/peers").join(peer.program));
    command.current_dir(&folder).env("HF_HOME", folder.join("hf")).env("HF_HUB_OFFLINE", "1");
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Measures ourselves and some peers in turn; the median of our peak of memory, and of the last peer's.
fn beside(
    work: &Work<'_>,
    section: &mut Section,
    table: &mut Table,
    peers: &[&Peer],
    watch: Watch,
) -> Result<[f64; 2]> {
    let ran: Vec<RefCell<Vec<Ran>>> = (0..=peers.len()).map(|_| RefCell::default()).collect();
    let keep = |side: usize, done: Ran| {
        ran[side].borrow_mut().push(done);
        done.wall * 1e3
    };
    let keep = &keep;
    let mut sides: Vec<Side<'_>> = vec![("callboard", Box::new(move || Ok(keep(0, work.ours()?))))];
    for (at, peer) in peers.iter().enumerate() {
        sides.push((peer.name, Box::new(move || Ok(keep(at + 1, work.theirs(peer, watch)?)))));
    }
    // A first time of distilabel is no dearer than the others, and takes minutes.
    let times = match watch {
        Watch::Process => in_turn(work.bench.sizes().rounds, &mut sides)?,
        Watch::Tree => in_turn_at_once(work.bench.sizes().rounds, &mut sides)?,
    };
    drop(sides);
    let mut memories = [0.0; 2];
    for (side, time) in times.iter().enumerate() {
        // Of those that counted.
        let ran: Vec<Ran> = ran[side].borrow().iter().rev().take(time.len()).copied().collect();
        let of = |unit, value: fn(&Ran) -> f64| Measure::of(unit, &ran.iter().map(value).collect::<Vec<_>>());
        // Of a tree, what it has in all; of one process, what it has.
        let memory = of(Unit::Bytes, |ran| match ran.memory {
            Memory { proportional: 0, resident, .. } => resident as f64,
            Memory { proportional, .. } => proportional as f64,
        });
        memories[usize::from(side > 0)] = memory.median;
        let faster = Measure::ratio(time, &times[0]);
        let name = if side == 0 { "`callboard run`" } else { peers[side - 1].name };
        if side > 0 {
            section.reach(peers[side - 1].target, faster.median);
        }
        table.row([
            name.into(),
            Measure::of(Unit::Milliseconds, time).into(),
            of(Unit::Milliseconds, |ran| ran.processor * 1e3).into(),
            memory.into(),
            if side == 0 { "".into() } else { faster.into() },
        ]);
    }
    Ok(memories)
}

/// Near-duplicates, ours against datatrove's: both read as many files as there are cores.
fn documents(bench: &Bench, section: &mut Section) -> Result<()> {
    let rows = bench.sizes().documents;
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let folder = bench.path("documents");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(&folder).map_err(failed)?;
    for core in 0..cores {
        let ids = rows * core / cores..rows * (core + 1) / cores;
        let lines =
            ids.map(|id| serde_json::json!({ "id": id, "text": bench.documents().text(id) }).to_string() + "\n");
        std::fs::write(folder.join(format!("{core}.jsonl")), lines.collect::<String>()).map_err(failed)?;
    }
    let out = bench.path("kept.jsonl");
    let pipeline = bench.pipeline("near-duplicates", &near_duplicates(&folder.join("*.jsonl"), &out))?;
    let kept = (Cell::new(0), Cell::new(0));
    let times = in_turn_at_once(
        bench.sizes().rounds,
        &mut [
            (
                "callboard",
                Box::new(|| {
                    let wall = bench.run_pipeline(&pipeline, &[])?.ran.wall;
                    kept.0.set(lines(&out)?);
                    Ok(wall * 1e3)
                }),
            ),
            (
                "datatrove",
                Box::new(|| {
                    let mut command = program(bench, &DATATROVE);
                    let wall = process::run(command.arg(&folder).arg(cores.to_string()), Watch::Process)?.wall;
                    kept.1.set(
                        (0..cores)
                            .map(|core| lines(&bench.path(&format!("peer/kept/{core:05}.jsonl"))))
                            .sum::<Result<usize>>()?,
                    );
                    Ok(wall * 1e3)
                }),
            ),
        ],
    )?;
    let faster = Measure::ratio(&times[1], &times[0]);
    section.reach("peers/datatrove", faster.median);
    let mut table = Table::new(
        format!("Near-duplicates among {} documents", grouped(rows)),
        &["tool", "time", "rows kept", "`callboard run` is faster by"],
    );
    let count = |kept: &Cell<usize>| Measure::one(Unit::Count, kept.get() as f64);
    table.row([
        "`minhash-dedup`".into(),
        Measure::of(Unit::Milliseconds, &times[0]).into(),
        count(&kept.0).into(),
        "".into(),
    ]);
    table.row([
        "datatrove".into(),
        Measure::of(Unit::Milliseconds, &times[1]).into(),
        count(&kept.1).into(),
        faster.into(),
    ]);
    section.tables.push(table);
    Ok(())
}

fn lines(path: &Path) -> Result<usize> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(bytes.iter().filter(|byte| **byte == b'\n').count())
}
