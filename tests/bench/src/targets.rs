//! The figures to reach.

/// A figure to reach, and when it is.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// By which a section names it: `SECTION/NAME`.
    pub id: &'static str,
    /// What is measured.
    pub what: &'static str,
    /// When it is reached.
    pub bound: Bound,
    /// Behind the number.
    pub unit: &'static str,
}

/// When a figure is reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Not above this.
    AtMost(f64),
    /// Not below this.
    AtLeast(f64),
}

impl Bound {
    /// Whether this figure is within it.
    pub fn holds(self, figure: f64) -> bool {
        match self {
            Bound::AtMost(bound) => figure <= bound,
            Bound::AtLeast(bound) => figure >= bound,
        }
    }
}

impl Target {
    /// The section that measures it.
    pub fn section(&self) -> &'static str {
        self.id.split('/').next().unwrap_or(self.id)
    }

    /// The target in words.
    pub fn words(&self) -> String {
        match self.bound {
            Bound::AtMost(bound) => format!("at most {bound} {}", self.unit),
            Bound::AtLeast(bound) => format!("at least {bound} {}", self.unit),
        }
    }
}

const fn at_most(id: &'static str, what: &'static str, bound: f64, unit: &'static str) -> Target {
    Target { id, what, bound: Bound::AtMost(bound), unit }
}

const fn at_least(id: &'static str, what: &'static str, bound: f64, unit: &'static str) -> Target {
    Target { id, what, bound: Bound::AtLeast(bound), unit }
}

/// All of them, in the order in which they are shown.
pub const TARGETS: &[Target] = &[
    at_most("tax/normalise", "sandbox tax of `normalise`", 1.3, "×"),
    at_most("tax/text-stats", "sandbox tax of `text-stats`", 1.3, "×"),
    at_most("tax/exact-dedup", "sandbox tax of `exact-dedup`", 1.5, "×"),
    at_most("tax/filter", "sandbox tax of `filter`", 1.5, "×"),
    at_most("tax/hash", "sandbox tax of `hash`, SHA-256 without the processor's own instructions", 1.3, "×"),
    at_most(
        "tax/pipeline",
        "sandbox tax of the reference pipeline, against its native twin with the same spill",
        1.6,
        "×",
    ),
    at_most(
        "boundary/batch",
        "1,000 rows × 400 characters in and out of an idle step, of 4 × memcpy + 10 µs",
        1.0,
        "×",
    ),
    at_least("boundary/filter", "`filter` on 1 of 50 columns, as fast as when all 50 cross", 5.0, "×"),
    at_most("lifecycle/rust", "load and instantiate a Rust step, cached", 0.5, "ms"),
    at_most("lifecycle/python", "load and instantiate a Python step, cached", 10.0, "ms"),
    at_most("lifecycle/first-batch", "`callboard run` to the first batch in the first step, cached", 50.0, "ms"),
    at_most("staging/ballast-few", "staged peak off its prediction, few large steps", 5.0, "%"),
    at_most("staging/ballast-many", "staged peak off its prediction, many small steps", 5.0, "%"),
    at_most("staging/ballast-branch", "staged peak off its prediction, a branch", 5.0, "%"),
    at_most("staging/heavy", "staged peak off its prediction, a real pipeline with a heavy step", 5.0, "%"),
    at_least("scale/replicas", "a stage of two replicas, as fast as one", 1.7, "×"),
    at_most("scale/memory", "resident memory at 10⁷ rows, of that at 10⁶", 1.2, "×"),
    at_most("global/exact-dedup", "time of a row of `exact-dedup` at ten times the rows", 1.3, "×"),
    at_most("global/sort", "time of a row of `sort` at ten times the rows", 1.3, "×"),
    at_most("global/sort-long", "time of a row of `sort` by texts of 400 characters at ten times the rows", 1.3, "×"),
    at_most("global/minhash-dedup", "time of a row of `minhash-dedup` at ten times the rows", 1.5, "×"),
    at_least("global/exact-dedup-cores", "`exact-dedup` on two cores, as fast as on one", 1.7, "×"),
    at_least("global/sort-cores", "`sort` on two cores, as fast as on one", 1.7, "×"),
    at_least("global/sort-long-cores", "`sort` by texts of 400 characters on two cores, as fast as on one", 1.7, "×"),
    at_least("global/minhash-dedup-cores", "`minhash-dedup` on two cores, as fast as on one", 1.7, "×"),
    at_most("global/exact-dedup-resumed", "resuming `exact-dedup` after a kill at 90 %, of a whole run", 0.2, "×"),
    at_most("global/sort-resumed", "resuming `sort` after a kill at 90 %, of a whole run", 0.2, "×"),
    at_most("global/sort-long-resumed", "resuming `sort` by texts of 400 characters, likewise", 0.2, "×"),
    at_most("global/minhash-dedup-resumed", "resuming `minhash-dedup` after a kill at 90 %, of a whole run", 0.2, "×"),
    at_most("global/memory", "resident memory of `exact-dedup` at ten times the rows", 1.2, "×"),
    at_least("peers/python", "reference pipeline, as fast as plain Python", 6.0, "×"),
    at_least("peers/polars", "reference pipeline, as fast as Polars", 4.0, "×"),
    at_least("peers/duckdb", "reference pipeline, as fast as DuckDB", 4.0, "×"),
    at_least("peers/distilabel", "reference pipeline, as fast as distilabel", 400.0, "×"),
    at_most("peers/memory", "resident memory of the reference pipeline, of distilabel's", 0.1, "×"),
    at_least("peers/datatrove", "`minhash-dedup`, as fast as datatrove", 10.0, "×"),
    at_least("models/ideal", "64 requests in flight, of the ideal, at any batch size", 0.95, "×"),
    at_most("models/refusals", "5 % of 429 with `Retry-After: 1`, of the ideal time", 1.3, "×"),
    at_most("models/memory", "2,000 requests in flight", 200.0, "MiB"),
    at_least("models/rate", "two steps that share a server of 50/s, of that", 0.95, "×"),
    at_most("models/refused", "their requests that it refuses", 1.0, "%"),
    at_most("resume/journal", "a run that can be resumed, of one that cannot", 1.05, "×"),
    at_most("resume/killed", "resuming after a kill at 90 %, of a whole run", 0.2, "×"),
    at_most("live/time", "a run with `--serve` and OpenTelemetry, of one without", 1.01, "×"),
    at_most("remote/store", "reference pipeline from store to store, of disk to disk", 1.25, "×"),
    at_most("remote/away", "the same where each request takes 20 ms more", 1.5, "×"),
    at_least("remote/polars", "reference work from store to store, as fast as Polars", 1.0, "×"),
    at_least("remote/duckdb", "reference work from store to store, as fast as DuckDB", 1.0, "×"),
    at_most("remote/small", "objects of 10 kB, of one with the same rows, 20 ms a request", 2.0, "×"),
    at_most("remote/columns", "bytes that a filter on one of 50 columns of Parquet fetches, of the file's", 0.1, "×"),
    at_most("remote/memory", "resident memory from store to store at five times the rows", 1.2, "×"),
    at_most("tasks/local", "reference pipeline in tasks, two at a time, of one process", 1.3, "×"),
    at_most("tasks/empty", "a task of one row", 50.0, "ms"),
    at_most("look/peek", "the first 20 rows at any node of a run with 10⁷ rows (`--full`)", 100.0, "ms"),
    at_most("look/peek-drawn", "20 rows drawn from those of any node", 100.0, "ms"),
    at_most("look/stats", "`stats` of files, of the time to read them", 2.0, "×"),
    at_most("look/stats-memory", "resident memory of that", 200.0, "MiB"),
    at_most("look/gathered", "processor time of a run with `stats = true` at one node, of one without", 1.2, "×"),
    at_most("look/quantiles", "quantiles off DuckDB's", 1.0, "%"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_holds_at_its_edge_and_nothing_holds_of_no_number() {
        assert!(Bound::AtMost(1.3).holds(1.3) && !Bound::AtMost(1.3).holds(1.301));
        assert!(Bound::AtLeast(5.0).holds(5.0) && !Bound::AtLeast(5.0).holds(4.999));
        assert!(!Bound::AtMost(1.0).holds(f64::NAN) && !Bound::AtLeast(1.0).holds(f64::NAN));
    }
}
