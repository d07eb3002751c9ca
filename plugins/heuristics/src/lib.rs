//! The heuristics by which Gopher (Rae et al. 2021) and C4 (Raffel et al. 2020) separated prose from the rest of the web: for the step
//! `quality`, and for the host, which shows what other thresholds would drop.
//!
//! 1. [`Config`]: the thresholds, by default those of the papers.
//! 2. A [`Document`] is a text cut into lines, paragraphs and words, once for all rules.
//! 3. [`RULES`] is the list of rules: a name, what it measures, and what that has to be. `repetition` has the arithmetic of the longer ones.
#![forbid(unsafe_code)]

mod config;
mod document;
mod repetition;
mod rules;

pub use config::{Config, Mode};
pub use document::Document;
pub use rules::{Bounds, RULES, Rule};
