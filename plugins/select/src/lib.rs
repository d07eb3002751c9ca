//! Keeps, drops and renames columns.
