//! Joins two inputs by key.
//!
//! The host brings rows with the same key together. A call needs to know only how many rows of the first input each group has;
//! the second is read once, in batches, so that memory does not grow with the number of matches.
#![forbid(unsafe_code)]

mod config;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use callboard_sdk::prelude::*;

pub use config::Config;
use config::How;

/// Rows put out in one call, and about the bytes of what is put beside them.
const ROWS_AT_ONCE: usize = 8192;
const BYTES_AT_ONCE: usize = 4 << 20;

/// Joins the rows with those of a second input.
pub struct Join;

/// What crosses of the second input.
struct Right {
    /// Its columns that are put beside rows, and what they are called there.
    columns: Vec<(Field, String)>,
    /// Its keys that may be null, where null matches nothing.
    keys: Vec<String>,
}

impl Right {
    /// `left` may hold only those columns that have names of the second input's.
    fn resolve(config: &Config, left: &Schema, right: &Schema) -> Result<Right> {
        let keys: HashSet<&String> = config.right_on().iter().collect();
        let fields: Vec<&Field> = match (&config.columns, config.how) {
            (_, How::Semi | How::Anti) => vec![],
            (Some(names), _) => names.iter().map(|name| right.field(name)).collect::<Result<_>>()?,
            (None, _) => right.fields().iter().filter(|field| !keys.contains(&field.name)).collect(),
        };
        let named = |field: &Field| match left.get(&field.name) {
            Some(_) => format!("{}{}{}", config.prefix, field.name, config.suffix),
            None => field.name.clone(),
        };
        let columns = fields.into_iter().map(|field| (field.clone(), named(field))).collect();
        let may_be_null = |name: &&String| !config.nulls_equal && right.get(name).is_some_and(|key| key.ty.nullable);
        Ok(Right { columns, keys: config.right_on().iter().filter(may_be_null).cloned().collect() })
    }
}

impl Global for Join {
    type Config = Config;

    fn check(config: &Config, inputs: &[Schema]) -> Result<()> {
        let (left, right) = Schema::two(inputs)?;
        if config.on.is_empty() {
            return Err(StepError::config("at least 1 column is needed to join by").at("/on"));
        }
        let (on, right_on) = (&config.on, config.right_on());
        if on.len() != right_on.len() {
            let message = format!("`right_on` has {} columns, and `on` {}", right_on.len(), on.len());
            return Err(StepError::config(message).at("/right_on"));
        }
        let right_pointer = if config.right_on.is_some() { "/right_on" } else { "/on" };
        for (i, (name, right_name)) in on.iter().zip(right_on).enumerate() {
            let key = left.field(name).at(format!("/on/{i}"))?;
            let of_second = |mut error: StepError| {
                error.message = format!("in the second input: {}", error.message);
                error
            };
            let right_key = right.field(right_name).map_err(of_second).at(format!("{right_pointer}/{i}"))?;
            if (&key.ty.layout, &key.ty.logical) != (&right_key.ty.layout, &right_key.ty.logical) {
                let (ty, right_ty) = (&key.ty, &right_key.ty);
                let message = format!(
                    "column `{name}` is {ty}, and `{right_name}` of the second input {right_ty}; the types must be the same"
                );
                return Err(StepError::input(message).at(format!("{right_pointer}/{i}")));
            }
        }
        if let Some(columns) = &config.columns {
            if matches!(config.how, How::Semi | How::Anti) {
                return Err(
                    StepError::config("a semi or anti join takes no columns of the second input").at("/columns")
                );
            }
            let mut seen = HashSet::new();
            for (i, name) in columns.iter().enumerate() {
                right.field(name).at(format!("/columns/{i}"))?;
                if !seen.insert(name) {
                    return Err(StepError::config(format!("`{name}` is listed twice")).at(format!("/columns/{i}")));
                }
            }
        }
        let mut names: HashSet<&str> = left.fields().iter().map(|field| field.name.as_str()).collect();
        for (_, name) in &Right::resolve(config, left, right)?.columns {
            if !names.insert(name) {
                let message = format!(
                    "the second input's column `{name}` has the name of another; choose another `suffix` or `prefix`, or list the `columns` to take"
                );
                return Err(StepError::config(message).at("/suffix"));
            }
        }
        Ok(())
    }

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let (left, right) = Schema::two(inputs)?;
        let beside = Right::resolve(&config, left, right)?;
        let gather = Gather::by_key(config.on.iter().cloned()).with(config.right_on().iter().cloned());
        let is_left = config.how == How::Left;
        let written = |(field, name): &(Field, String)| {
            let ty = Type { nullable: field.ty.nullable || is_left, ..field.ty.clone() };
            Field::new(name.clone(), ty)
        };
        let shape = Shape::new()
            .gather(gather)
            .reads_all(beside.columns.iter().map(|(field, _)| (1, field.name.as_str())))
            .reads_all(beside.keys.iter().map(|key| (1, key.as_str())))
            // The names tell in each instance which columns have to be called otherwise.
            .reads_all(
                beside.columns.iter().filter(|(field, _)| left.get(&field.name).is_some()).map(|(field, _)| field),
            )
            .writes_all(beside.columns.iter().map(written));
        Ok(shape.run(move |inputs, output| {
            let [left, right] = inputs else { return Err(StepError::failed("the step was opened with two inputs")) };
            join(config.how, &beside, left, right, output)
        }))
    }
}

/// The rows of a group in the first input, and whether the second has one.
struct Group {
    first: u64,
    rows: u64,
    matched: bool,
}

fn join(how: How, beside: &Right, left: &mut Reader, right: &mut Reader, output: &mut Writer) -> Result<()> {
    // By number: the groups of the first input come before those that only the second has.
    let mut groups: Vec<Group> = vec![];
    for batch in left.batches() {
        for (group, rows) in batch.groups() {
            match groups.get_mut(group as usize) {
                Some(group) => group.rows += rows.len() as u64,
                None => {
                    let first = batch.first_row() + rows.start as u64;
                    groups.push(Group { first, rows: rows.len() as u64, matched: false });
                }
            }
        }
    }
    for batch in right.batches() {
        matches(how, beside, &batch, &mut groups, output)?;
    }
    rest(how, beside, &groups, output)
}

/// Puts out what rows of the second input match.
fn matches(how: How, beside: &Right, batch: &Batch, groups: &mut [Group], output: &mut Writer) -> Result<()> {
    let keys = beside.keys.iter().map(|key| batch.array(key)).collect::<Result<Vec<_>>>()?;
    let columns = beside.columns.iter().map(|(field, _)| batch.array(field)).collect::<Result<Vec<_>>>()?;
    let (mut rows, mut of, mut bytes) = (vec![], vec![], 0);
    let mut put_out = |rows: &mut Vec<u64>, of: &mut Vec<u32>| {
        let rows = std::mem::take(rows);
        match columns.is_empty() {
            true => output.keep(&rows),
            false => output.keep_with(&rows, columns.iter().map(|column| column.take(of)).collect()),
        }
        .map(|()| of.clear())
    };
    for (group, span) in batch.groups() {
        let Some(group) = groups.get_mut(group as usize) else { continue };
        if keys.iter().any(|key| key.is_null(span.start)) {
            continue;
        }
        group.matched = true;
        if matches!(how, How::Semi | How::Anti) {
            continue;
        }
        for i in span {
            let size: usize = columns.iter().map(|column| column.value_bytes(i)).sum();
            for row in group.first..group.first + group.rows {
                rows.push(row);
                of.push(i as u32);
                bytes += size;
                if rows.len() == ROWS_AT_ONCE || bytes >= BYTES_AT_ONCE {
                    put_out(&mut rows, &mut of)?;
                    bytes = 0;
                }
            }
        }
    }
    put_out(&mut rows, &mut of)
}

/// Puts out or drops rows by whether they have a match, when all matches are known.
fn rest(how: How, beside: &Right, groups: &[Group], output: &mut Writer) -> Result<()> {
    let empty = Batch::of(beside.columns.iter().map(|(field, name)| (name.clone(), ArrayBuf::empty(&field.ty))));
    let mut kept = vec![];
    let keep = |kept: &mut Vec<u64>, output: &mut Writer| {
        let rows = std::mem::take(kept);
        match beside.columns.is_empty() {
            true => output.keep(&rows),
            false => {
                let none = vec![None; rows.len()];
                output.keep_with(&rows, empty.columns().map(|(_, column)| column.take_or_null(&none)).collect())
            }
        }
    };
    for group in groups {
        for row in group.first..group.first + group.rows {
            match (how, group.matched) {
                (How::Inner | How::Left, true) => {}
                (How::Left | How::Anti, false) | (How::Semi, true) => kept.push(row),
                (How::Inner | How::Semi, false) => output.drop(row, "no match"),
                (How::Anti, true) => output.drop(row, "a match"),
            }
            if kept.len() == ROWS_AT_ONCE {
                keep(&mut kept, output)?;
            }
        }
    }
    keep(&mut kept, output)
}

callboard_sdk::global!(Join);
