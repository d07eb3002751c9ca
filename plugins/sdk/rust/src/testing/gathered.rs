//! Rows brought together as the host would do it, natively.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::Value;

use super::table::Table;
use crate::raw::global::exports::callboard::step::global::{Gathering, Order, Shape};

/// The rows of each input that a call is given: a group, and the row's place in the input.
pub(super) type Part = Vec<Vec<(u32, usize)>>;

/// The rows of each input, by calls: all groups in one, or each in one of its own.
pub(super) fn calls(shape: &Shape, inputs: &[Table], each: bool) -> Vec<Part> {
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut whole: Part = vec![];
    for (port, input) in inputs.iter().enumerate() {
        let mut rows = vec![];
        for (place, row) in input.rows().iter().enumerate() {
            for key in keys(&shape.gathering, port, row) {
                let next = numbers.len() as u32;
                rows.push((*numbers.entry(key).or_insert(next), place));
            }
        }
        let sorted = shape.sorted.get(port).map_or(&[][..], Vec::as_slice);
        rows.sort_by(|(a, a_place), (b, b_place)| {
            let (a_row, b_row) = (&input.rows()[*a_place], &input.rows()[*b_place]);
            a.cmp(b).then_with(|| compare(sorted, a_row, b_row)).then(a_place.cmp(b_place))
        });
        whole.push(rows);
    }
    match each && !matches!(shape.gathering, Gathering::All) {
        false => vec![whole],
        true => (0..numbers.len() as u32)
            .map(|number| {
                let of = |rows: &Vec<(u32, usize)>| {
                    rows.iter().filter(|(group, _)| *group == number).map(|(_, place)| (0, *place)).collect()
                };
                whole.iter().map(of).collect()
            })
            .collect(),
    }
}

/// The groups that a row is in.
fn keys(gathering: &Gathering, port: usize, row: &Value) -> Vec<String> {
    match gathering {
        Gathering::All => vec![String::new()],
        Gathering::ByKey(keys) => {
            vec![keys[port].iter().map(|column| canonical(&row[column]).to_string() + ",").collect()]
        }
        Gathering::ByEach(columns) => {
            let mut items: Vec<String> =
                row[&columns[port]].as_array().into_iter().flatten().map(|item| canonical(item).to_string()).collect();
            items.sort();
            items.dedup();
            items
        }
    }
}

/// The value with one zero.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.as_f64() == Some(0.0) => Value::from(0),
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), canonical(value))).collect(),
        other => other.clone(),
    }
}

fn compare(sorted: &[Order], a: &Value, b: &Value) -> Ordering {
    let by = |order: &Order| {
        let (a, b) = (&a[&order.column], &b[&order.column]);
        match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) if order.nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if order.nulls_first => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if order.descending => values(b, a),
            (false, false) => values(a, b),
        }
    };
    sorted.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn values(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Value::Array(a), Value::Array(b)) => {
            let first = a.iter().zip(b).map(|(a, b)| values(a, b)).find(|order| order.is_ne());
            first.unwrap_or(a.len().cmp(&b.len()))
        }
        (a, b) => a.to_string().cmp(&b.to_string()),
    }
}
