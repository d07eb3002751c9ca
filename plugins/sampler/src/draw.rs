//! What a column's values are drawn from, checked and ready.

use std::collections::BTreeMap;

use callboard_sdk::builders::{Builder, NumberBuilder, Push, StringBuilder};
use callboard_sdk::prelude::*;
use callboard_sdk::{Layout, Type};
use serde_json::Value;

use crate::chance::Chance;
use crate::config::Sampler;
use crate::dates::day;

/// A column.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) field: Field,
    chance: Chance,
    from: From,
}

#[derive(Debug)]
enum From {
    Category(Weighted),
    /// Which column it depends on, and the choices for each of its values.
    Subcategory(usize, BTreeMap<String, Weighted>),
    Integer(i64, i64),
    Uniform(f64, f64, Option<u32>),
    Normal {
        mean: f64,
        deviation: f64,
        min: f64,
        max: f64,
        decimals: Option<u32>,
    },
    Date(i32, i32),
    Uuid,
}

/// Values, and where each ends among the weights of all.
#[derive(Debug)]
struct Weighted {
    values: Vec<Value>,
    ends: Vec<f64>,
}

impl Weighted {
    fn new(values: &[Value], weights: Option<&Vec<f64>>, at: &str) -> Result<Weighted> {
        if values.is_empty() {
            return Err(StepError::config("there are no values")).at(format!("{at}/values"));
        }
        if let Some(weights) = weights {
            let at = format!("{at}/weights");
            if weights.len() != values.len() {
                let why = format!("there are {} weights for {} values", weights.len(), values.len());
                return Err(StepError::config(why)).at(at);
            }
            let sum: f64 = weights.iter().sum();
            if weights.iter().any(|weight| *weight < 0.0) || !(sum.is_finite() && sum > 0.0) {
                return Err(StepError::config("weights are 0 or more, and not all of them 0")).at(at);
            }
        }
        let mut end = 0.0;
        let ends = (0..values.len()).map(|i| {
            end += weights.map_or(1.0, |weights| weights[i]);
            end
        });
        Ok(Weighted { ends: ends.collect(), values: values.to_vec() })
    }

    fn draw(&self, unit: f64) -> &Value {
        let last = self.ends.len() - 1;
        let point = unit * self.ends[last];
        let at = self.ends.partition_point(|end| *end <= point).min(last);
        &self.values[at]
    }
}

/// The type that all values have.
fn type_of<'a>(values: impl Iterator<Item = &'a Value> + Clone, at: &str) -> Result<Type> {
    let all = |is: fn(&Value) -> bool| values.clone().all(is);
    let layout = match () {
        () if all(Value::is_string) => Layout::Utf8,
        () if all(Value::is_boolean) => Layout::Boolean,
        () if all(Value::is_i64) => Layout::Int64,
        () if all(Value::is_number) => Layout::Float64,
        () => return Err(StepError::config("values are all text, all numbers or all booleans")).at(at),
    };
    Ok(Type::new(layout).not_null())
}

fn at_of(name: &str) -> String {
    format!("/columns/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Checks the columns, in the order of their names.
pub(crate) fn columns(columns: &BTreeMap<String, Sampler>, seed: u64) -> Result<Vec<Drawn>> {
    let place = |name: &String| columns.keys().position(|other| other == name);
    let drawn = |(name, sampler): (&String, &Sampler)| -> Result<Drawn> {
        let at = at_of(name);
        if name.is_empty() {
            return Err(StepError::config("a column has no name")).at("/columns");
        }
        let order = |right: bool, at: &str| match right {
            true => Ok(()),
            false => Err(StepError::config("`from` is not above `to`, and both are finite")).at(at),
        };
        let number = || Type::new(Layout::Float64).not_null();
        let (ty, from) = match sampler {
            Sampler::Category { values, weights } => {
                let at = format!("{at}/category");
                let weighted = Weighted::new(values, weights.as_ref(), &at)?;
                (type_of(values.iter(), &format!("{at}/values"))?, From::Category(weighted))
            }
            Sampler::Subcategory { of, choices } => {
                let at = format!("{at}/subcategory");
                let parent = place(of).filter(|_| {
                    matches!(columns.get(of), Some(Sampler::Category { .. } | Sampler::Subcategory { .. }))
                });
                let Some(parent) = parent else {
                    let why = format!("`{of}` is no column that is a category or subcategory");
                    return Err(StepError::config(why)).at(format!("{at}/of"));
                };
                let mut weighted = BTreeMap::new();
                for (value, of_value) in choices {
                    let at = format!("{at}/choices/{}", value.replace('~', "~0").replace('/', "~1"));
                    let choice = Weighted::new(&of_value.values, of_value.weights.as_ref(), &at)?;
                    weighted.insert(value.clone(), choice);
                }
                let all = choices.values().flat_map(|choices| &choices.values);
                (type_of(all, &format!("{at}/choices"))?, From::Subcategory(parent, weighted))
            }
            Sampler::Integer { from, to } => {
                order(from <= to, &format!("{at}/integer/from"))?;
                (Type::new(Layout::Int64).not_null(), From::Integer(*from, *to))
            }
            Sampler::Uniform { from, to, decimals } => {
                order(from <= to && (to - from).is_finite(), &format!("{at}/uniform/from"))?;
                (number(), From::Uniform(*from, *to, *decimals))
            }
            Sampler::Normal { mean, deviation, min, max, decimals } => {
                let at = format!("{at}/normal");
                if !(mean.is_finite() && deviation.is_finite() && *deviation >= 0.0) {
                    return Err(StepError::config("a deviation is 0 or more")).at(format!("{at}/deviation"));
                }
                let (min, max) = (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY));
                if min > max {
                    return Err(StepError::config("`min` is above `max`")).at(format!("{at}/min"));
                }
                (number(), From::Normal { mean: *mean, deviation: *deviation, min, max, decimals: *decimals })
            }
            Sampler::Date { from, to } => {
                let at = format!("{at}/date");
                let of = |text: &String, key: &str| {
                    let why = || StepError::config(format!("a date is such as 2024-01-31, found {text:?}"));
                    day(text).ok_or_else(why).at(format!("{at}/{key}"))
                };
                let (from, to) = (of(from, "from")?, of(to, "to")?);
                order(from <= to, &format!("{at}/from"))?;
                let ty = Type { layout: Layout::Int32, nullable: false, logical: Some("tdD".into()) };
                (ty, From::Date(from, to))
            }
            Sampler::Uuid {} => (Type::new(Layout::Utf8).not_null(), From::Uuid),
        };
        Ok(Drawn { field: Field::new(name, ty), chance: Chance::of(name, seed), from })
    };
    let drawn: Vec<Drawn> = columns.iter().map(drawn).collect::<Result<_>>()?;
    drawn.iter().enumerate().try_for_each(|(i, _)| complete(&drawn, i))?;
    Ok(drawn)
}

/// Whether a subcategory has choices for each value of the column that it depends on, and does not depend on itself.
fn complete(columns: &[Drawn], i: usize) -> Result<()> {
    let (mut at, mut steps) = (i, 0);
    while let From::Subcategory(parent, _) = &columns[at].from {
        (at, steps) = (*parent, steps + 1);
        if steps > columns.len() {
            let name = &columns[i].field.name;
            return Err(StepError::config(format!("`{name}` depends on itself"))).at(at_of(name) + "/subcategory/of");
        }
    }
    let From::Subcategory(parent, choices) = &columns[i].from else { return Ok(()) };
    let parent = &columns[*parent];
    let values: Vec<String> = match &parent.from {
        From::Category(weighted) => weighted.values.iter().map(text_of).collect(),
        From::Subcategory(_, choices) => choices.values().flat_map(|choices| &choices.values).map(text_of).collect(),
        _ => vec![],
    };
    let at = at_of(&columns[i].field.name) + "/subcategory/choices";
    if let Some(without) = values.iter().find(|value| !choices.contains_key(*value)) {
        return Err(StepError::config(format!(
            "`{}` may be {without:?}, and there are no choices for it",
            parent.field.name
        )))
        .at(at);
    }
    match choices.keys().find(|value| !values.contains(value)) {
        Some(never) => Err(StepError::config(format!("`{}` is never {never:?}", parent.field.name))).at(at),
        None => Ok(()),
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Drawn {
    /// The value of a category or subcategory in a row.
    fn value<'a>(&'a self, columns: &'a [Drawn], row: u64) -> &'a Value {
        let unit = self.chance.unit(row, 0);
        match &self.from {
            From::Category(weighted) => weighted.draw(unit),
            From::Subcategory(parent, choices) => {
                let parent = text_of(columns[*parent].value(columns, row));
                choices.get(&parent).map_or(&Value::Null, |choices| choices.draw(unit))
            }
            _ => &Value::Null,
        }
    }

    /// The values of these rows.
    pub(crate) fn column(&self, columns: &[Drawn], rows: std::ops::Range<u64>) -> ArrayBuf {
        let chance = self.chance;
        match &self.from {
            From::Category(_) | From::Subcategory(..) => {
                let values = rows.map(|row| self.value(columns, row));
                match &self.field.ty.layout {
                    Layout::Utf8 => values.map(|value| value.as_str().unwrap_or_default()).collect(),
                    Layout::Boolean => values.map(|value| value.as_bool().unwrap_or_default()).collect(),
                    Layout::Int64 => values.map(|value| value.as_i64().unwrap_or_default()).collect(),
                    _ => values.map(|value| value.as_f64().unwrap_or_default()).collect(),
                }
            }
            From::Integer(from, to) => {
                let bound = (i128::from(*to) - i128::from(*from) + 1) as u128;
                let of = |row| (i128::from(*from) + chance.below(row, 0, bound) as i128) as i64;
                rows.map(of).collect()
            }
            From::Uniform(from, to, decimals) => {
                rows.map(|row| rounded(from + (to - from) * chance.unit(row, 0), *decimals)).collect()
            }
            From::Normal { mean, deviation, min, max, decimals } => {
                let of = |row| rounded(mean + deviation * chance.normal(row), *decimals).clamp(*min, *max);
                rows.map(of).collect()
            }
            From::Date(from, to) => {
                let mut days = NumberBuilder::<i32>::with_capacity(rows.clone().count());
                let bound = (i64::from(*to) - i64::from(*from) + 1) as u128;
                rows.for_each(|row| days.push((i64::from(*from) + chance.below(row, 0, bound) as i64) as i32));
                days.finish().with_logical(Some("tdD".into()))
            }
            From::Uuid => {
                let mut texts = StringBuilder::with_capacity(rows.clone().count());
                rows.for_each(|row| texts.push(uuid(chance, row)));
                texts.finish()
            }
        }
    }
}

fn rounded(value: f64, decimals: Option<u32>) -> f64 {
    match decimals {
        // Through text with that number of digits: dividing would leave 0.30000000000000004.
        Some(decimals) => format!("{value:.*}", decimals.min(17) as usize).parse().unwrap_or(value),
        None => value,
    }
}

/// Version 4: 122 bits of chance.
fn uuid(chance: Chance, row: u64) -> String {
    let bits = u128::from(chance.bits(row, 0)) << 64 | u128::from(chance.bits(row, 1));
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 4 << 76 | 2 << 62;
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
