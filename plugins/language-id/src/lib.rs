//! The language that a text is written in.
