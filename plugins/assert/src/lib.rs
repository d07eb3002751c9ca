//! Rules that every row must obey, in the language of `filter`: the crate `callboard-cel`.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use callboard_cel::{Expression, Truth};
use callboard_sdk::prelude::*;
use callboard_sdk::warn;

#[cfg(test)]
mod tests;

/// The rules, and what happens to rows that break one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name to condition, in CEL syntax, that must be true of every row: `{ has_text = "size(text) > 0", known = "lang in ['en', 'no']" }`.
    rules: BTreeMap<String, String>,
    /// What to do with a row that breaks a rule: `reject` it, which ends the run unless the step has `on_error = "reject"`; or `report` it,
    /// and let it go on.
    #[serde(default)]
    broken: Broken,
}

/// What happens to a row that breaks a rule.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Broken {
    /// It is rejected.
    #[default]
    Reject,
    /// It goes on, and is counted and logged.
    Report,
}

/// Rows of a rule that each instance names in the log.
const NAMED: usize = 3;

struct Rule {
    name: String,
    condition: Expression,
    /// How many rows may still be named in the log.
    to_name: usize,
}

/// Why a row breaks a rule.
enum Why {
    /// The condition is false, or unknown.
    Not(&'static str),
    /// It fails.
    Fails(String),
}

/// Checks rules that every row must obey.
pub struct Assert;

impl Transform for Assert {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        if config.rules.is_empty() {
            let message = "`rules` is empty: name one, such as has_text = \"size(text) > 0\"";
            return Err(StepError::config(message)).at("/rules");
        }
        let mut shape = Shape::new();
        let mut rules = Vec::with_capacity(config.rules.len());
        for (name, source) in &config.rules {
            let at = format!("/rules/{}", name.replace('~', "~0").replace('/', "~1"));
            if name.is_empty() {
                return Err(StepError::config("a rule has no name")).at(&at);
            }
            let condition = Expression::new(source, input).at(&at)?;
            shape = shape.reads_all(condition.columns());
            rules.push(Rule { name: name.clone(), condition, to_name: NAMED });
        }
        Ok(shape.process(move |batch| {
            let mut output = Output::new();
            // A row is rejected once, for the first rule that it breaks; and rows in their order.
            let mut reasons: BTreeMap<usize, String> = BTreeMap::new();
            for rule in &mut rules {
                let broken = rule.broken(&batch)?;
                if config.broken == Broken::Report {
                    rule.report(&batch, &broken)?;
                    continue;
                }
                for (row, why) in broken {
                    reasons.entry(row).or_insert_with(|| rule.reason(&why));
                }
            }
            reasons.into_iter().for_each(|(row, reason)| output.reject(row, reason));
            Ok(output)
        }))
    }
}

impl Rule {
    /// The rows that break it, in order.
    fn broken(&self, batch: &Batch) -> Result<Vec<(usize, Why)>> {
        let decided = self.condition.decide(batch)?;
        let mut failed = decided.failed.into_iter().peekable();
        let broken = decided.truths.into_iter().enumerate().filter_map(|(row, truth)| {
            if let Some((_, why)) = failed.next_if(|(failed, _)| *failed == row) {
                return Some((row, Why::Fails(why)));
            }
            match truth {
                Truth::TRUE => None,
                Truth::FALSE => Some((row, Why::Not("false"))),
                _ => Some((row, Why::Not("unknown, since something is null"))),
            }
        });
        Ok(broken.collect())
    }

    fn reason(&self, why: &Why) -> String {
        let (name, condition) = (&self.name, self.condition.shortened());
        match why {
            Why::Not(what) => format!("rule `{name}`: `{condition}` is {what}"),
            Why::Fails(why) => format!("rule `{name}`: `{condition}` fails: {why}"),
        }
    }

    /// Counts rows, and names the first of them by the values that the rule reads.
    fn report(&mut self, batch: &Batch, broken: &[(usize, Why)]) -> Result<()> {
        if !broken.is_empty() {
            count(&format!("broken.{}", self.name), i64::try_from(broken.len()).unwrap_or(i64::MAX));
        }
        for (row, why) in broken.iter().take(self.to_name) {
            warn!("{}; {}", self.reason(why), self.condition.show(batch, *row)?);
        }
        self.to_name -= broken.len().min(self.to_name);
        Ok(())
    }
}

callboard_sdk::transform!(Assert);
