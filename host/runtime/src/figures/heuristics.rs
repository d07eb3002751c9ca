//! The rules of the bundled step `quality`: what each measures of a text, which no column has.

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use callboard_heuristics::{Bounds, Config, Document, Rule};
use callboard_plan::{Origin, PlannedStep};
use rayon::prelude::*;

use super::spread::Sketched;
use super::thresholds::Compared;
use crate::error::RunError;

/// Measures texts as the step does, all rules of each.
pub(super) struct Heuristics {
    /// The column of the texts, as the pipeline calls it.
    column: String,
    config: Config,
    rules: Vec<&'static Rule>,
    /// Thresholds, each with the place of its rule in `rules`.
    compared: Vec<(usize, Compared)>,
}

impl Heuristics {
    /// For a step that is `quality`, and applies rules that have thresholds.
    pub(super) fn of(step: &PlannedStep) -> Option<Heuristics> {
        if step.origin != Origin::Bundled || step.uses != "quality" {
            return None;
        }
        let config = serde_json::from_value::<Config>(step.config.clone()).ok()?.resolved();
        let mut rules = config.applied().ok()?;
        rules.retain(|rule| rule.bounds(&config) != Bounds::None);
        let compared = rules.iter().enumerate().flat_map(|(at, rule)| {
            let bounds = match rule.bounds(&config) {
                Bounds::AtLeast(least) => vec![(">=", least)],
                Bounds::AtMost(most) => vec![("<=", most)],
                Bounds::Between(least, most) => vec![(">=", least), ("<=", most)],
                Bounds::None => vec![],
            };
            bounds.into_iter().map(move |(operator, with)| {
                let spread = Sketched::new(rule.counts);
                (at, Compared { operand: rule.name.to_owned(), operator, with, spread })
            })
        });
        let compared: Vec<_> = compared.collect();
        let column = step.columns.get(&config.column).unwrap_or(&config.column).clone();
        (!compared.is_empty()).then_some(Heuristics { column, config, rules, compared })
    }

    pub(super) fn len(&self) -> usize {
        self.compared.len()
    }

    /// Texts are measured by all cores; a row without one has no measures.
    pub(super) fn add(&mut self, rows: &RecordBatch) -> Result<(), RunError> {
        let column = rows.column_by_name(&self.column).filter(|column| *column.data_type() == DataType::Utf8);
        let Some(texts) = column.map(|column| column.as_string::<i32>()) else { return Ok(()) };
        let measured: Vec<Vec<f64>> = match callboard_io::cores() {
            Some(cores) => {
                cores.install(|| (0..texts.len()).into_par_iter().filter_map(|row| self.measure(texts, row)).collect())
            }
            None => (0..texts.len()).filter_map(|row| self.measure(texts, row)).collect(),
        };
        for (rule, compared) in &mut self.compared {
            measured.iter().for_each(|measures| compared.spread.add(measures[*rule]));
        }
        Ok(())
    }

    fn measure(&self, texts: &StringArray, row: usize) -> Option<Vec<f64>> {
        let document = texts.is_valid(row).then(|| Document::new(texts.value(row)))?;
        Some(self.rules.iter().map(|rule| rule.measure(&document, &self.config)).collect())
    }

    pub(super) fn compared(self) -> Vec<Compared> {
        self.compared.into_iter().map(|(_, compared)| compared).collect()
    }
}
