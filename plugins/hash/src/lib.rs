//! The hash of a column, in hexadecimal.
