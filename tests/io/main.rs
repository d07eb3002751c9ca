//! Datasets in and out, as a pipeline's author meets them: files on a disk, rows, and words when something is wrong.
#![allow(missing_docs, unreachable_pub, reason = "a test's name says it; the fuzz targets are a library elsewhere")]
#![forbid(unsafe_code)]

mod added;
mod bad_rows;
mod bench;
mod beneath;
mod binary;
mod bombs;
mod both;
mod bounds;
mod checksums;
mod compressed;
mod csv;
mod extremes;
mod files;
mod footers;
mod held;
mod help;
mod joined;
mod jsonl;
mod limits;
mod mistaken;
mod more_formats;
mod numbered;
mod output;
mod parquet_types;
mod remote;
mod round_trip;
mod sample;
mod sections;
mod shapes;
mod shards;
mod tar;
mod typed;
mod values;

#[path = "../support/hostile.rs"]
mod hostile;
/// Made of bytes, as the fuzz targets make them.
#[path = "../fuzz/src/made.rs"]
mod made;
#[path = "../support/measured.rs"]
mod measured;
#[path = "../support/peak.rs"]
mod peak;
#[path = "../support/s3/mod.rs"]
mod s3;
#[path = "../fuzz/src/writers.rs"]
mod writers;
