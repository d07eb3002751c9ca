//! A random sample of the rows, the same for the same seed.
