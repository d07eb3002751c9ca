//! Values that cost a guest nothing, or next to nothing: what they would cost the host is known before anything is made of them.

use arrow::datatypes::Schema;

use super::*;
use crate::bindings::callboard::step::columns::{BytesResult, ColumnResult, FixedBytesResult, ListsResult, Vectors};
use crate::columns::schema_of;

/// Layouts, innermost first, of values without weight.
#[derive(Clone, Copy, Debug)]
enum Light {
    Nulls,
    Booleans,
    Fixed,
    Texts,
    Structs,
    Bytes,
}

/// What they lie in.
#[derive(Clone, Copy, Debug)]
enum In {
    Column,
    List,
    Vector,
    ListOfLists,
    Struct,
}

const LIGHT: [Light; 6] = [Light::Nulls, Light::Booleans, Light::Fixed, Light::Texts, Light::Structs, Light::Bytes];
const IN: [In; 5] = [In::Column, In::List, In::Vector, In::ListOfLists, In::Struct];

fn array(length: usize, values: ValuesResult) -> ArrayResult {
    // Nullable in a schema.
    let validity = (length == 0).then(Vec::new);
    ArrayResult { length: length as u32, validity, values, logical: None }
}

/// A batch of `rows` rows with `items` values in each, one column; no rows: its schema.
fn batch(rows: usize, items: usize, light: Light, within: In) -> BatchResult {
    let inner = match within {
        In::Column | In::Struct => rows,
        _ => rows * items,
    };
    let bytes = || BytesResult { offsets: vec![0; inner + 1], data: Vec::new() };
    let values = match light {
        Light::Nulls => ValuesResult::Nulls,
        Light::Booleans => ValuesResult::Booleans(vec![0; inner.div_ceil(8)]),
        Light::Fixed => ValuesResult::Fixed(FixedBytesResult { width: 0, data: Vec::new() }),
        Light::Texts => ValuesResult::Utf8(bytes()),
        Light::Bytes => ValuesResult::Binary(bytes()),
        Light::Structs => ValuesResult::Structs(Vec::new()),
    };
    let mut arrays = vec![array(inner, values)];
    let offsets = |lists: usize, each: usize| (0..=lists).map(|at| (at * each) as u32).collect();
    match within {
        In::Column => {}
        In::List => {
            arrays.push(array(rows, ValuesResult::Lists(ListsResult { offsets: offsets(rows, items), items: 0 })))
        }
        In::Vector => {
            let width = items as u32;
            arrays.push(array(rows, ValuesResult::Vectors(Vectors { width, items: 0 })));
        }
        In::ListOfLists => {
            let lists = ListsResult { offsets: offsets(rows, items), items: 0 };
            arrays.push(array(rows, ValuesResult::Lists(lists)));
            arrays.push(array(rows, ValuesResult::Lists(ListsResult { offsets: offsets(rows, 1), items: 1 })));
        }
        In::Struct => {
            let member = ColumnResult { name: "member".to_owned(), values: 0 };
            arrays.push(array(rows, ValuesResult::Structs(vec![member])));
        }
    }
    let values = arrays.len() as u32 - 1;
    BatchResult { rows: rows as u32, columns: vec![ColumnResult { name: "light".to_owned(), values }], arrays }
}

fn schema(items: usize, light: Light, within: In) -> SchemaRef {
    let declared: Schema = schema_of(batch(0, items, light, within)).unwrap_or_else(|what| panic!("{what}"));
    Arc::new(declared)
}

/// Every layout in everything that it can lie in, in many numbers of rows and of values in each: allowed where they cost little, and
/// otherwise refused by the limit, not made.
#[test]
fn values_without_weight_are_counted_before_they_are_made() {
    const MIB: u64 = 1 << 20;
    let (mut allowed, mut refused) = (0, 0);
    for (light, within) in LIGHT.into_iter().flat_map(|light| IN.map(|within| (light, within))) {
        for (rows, items) in
            [(1, 10), (1, 100_000), (1, 3_000_000), (1_000, 10), (1_000, 2_000), (400_000, 1), (2_000_000, 1)]
        {
            let schema = schema(items, light, within);
            let nested = if matches!(within, In::Column | In::Struct) { rows } else { rows * items };
            let lifted = lift_within(batch(rows, items, light, within), &schema, &Returnable::of(4 * MIB));
            let least = 4 * nested as u64 + 12 * rows as u64;
            match lifted {
                Ok(made) => {
                    assert_eq!(made.num_rows(), rows);
                    assert!(least <= 4 * MIB, "{rows} × {items} of {light:?} in {within:?} were made");
                    allowed += 1;
                }
                Err(Fault::Limit(limit)) => {
                    assert_eq!((limit.limit, limit.key), (4 * MIB, Some("limits.returned")));
                    assert!(limit.requested > 4 * MIB, "{rows} × {items} of {light:?} in {within:?}: {limit}");
                    refused += 1;
                }
                Err(other) => panic!("{rows} × {items} of {light:?} in {within:?}: {other}"),
            }
        }
    }
    assert_eq!(allowed + refused, 6 * 5 * 7);
    assert!(allowed > 60 && refused > 60, "{allowed} allowed, {refused} refused");
}
