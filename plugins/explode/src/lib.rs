//! One row for each item of a list column.
