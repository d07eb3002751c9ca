//! Keeps the rows for which a CEL expression is true.
