//! Reads and writes datasets as Arrow.
