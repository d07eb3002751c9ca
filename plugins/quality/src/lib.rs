//! Drops texts that fail the heuristics of Gopher and C4.
