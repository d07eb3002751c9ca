//! Keeps the first row of each distinct value.
