//! Whole columns against the interpreter, row by row.

use callboard_sdk::array::{Array, Values};
use callboard_sdk::{ArrayBuf, Batch, Field, Schema, testing};
use proptest::prelude::*;

use super::Condition;
use crate::expression::{Expression, Verdict};
use crate::row::Row;

const INTEGERS: [i64; 9] = [i64::MIN, i64::MIN + 1, -129, -1, 0, 3, 1 << 53, (1 << 53) + 1, i64::MAX];
const FLOATS: [f64; 9] = [-1e300, -1.5, -1.0, -0.0, 0.0, 3.0, 9007199254740992.0, 1e300, 0.1];
const TEXTS: [&str; 6] = ["", "a", "b", "ab", "é", "\u{10ffff}"];

/// Columns of every type that is compared, each with a value twice as often as with a null.
fn columns() -> impl Strategy<Value = [(&'static str, ArrayBuf); 7]> {
    fn column<T: std::fmt::Debug + Clone + 'static>(
        values: impl Strategy<Value = T> + 'static,
        rows: usize,
    ) -> impl Strategy<Value = ArrayBuf>
    where
        ArrayBuf: FromIterator<Option<T>> + FromIterator<T>,
    {
        let values = values.boxed();
        let nullable = prop::collection::vec(prop::option::weighted(0.7, values.clone()), rows);
        let whole = prop::collection::vec(values, rows);
        prop_oneof![
            nullable.prop_map(|values| values.into_iter().collect()),
            whole.prop_map(|v| v.into_iter().collect())
        ]
    }
    let integers = || prop_oneof![prop::sample::select(&INTEGERS[..]), any::<i64>(), -3..4_i64];
    let floats = || {
        let odd = prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
        prop_oneof![4 => prop::sample::select(&FLOATS[..]), 1 => odd, 2 => any::<f64>()]
    };
    (1..6_usize).prop_flat_map(move |rows| {
        let columns = (
            column(integers(), rows),
            column(any::<i8>(), rows),
            column(any::<u32>(), rows),
            column(floats(), rows),
            column(floats().prop_map(|value| value as f32), rows),
            column(prop::sample::select(&TEXTS[..]).prop_map(String::from), rows),
            column(any::<bool>(), rows),
        );
        columns.prop_map(|(n, i, u, x, f, text, flag)| {
            [("n", n), ("i", i), ("u", u), ("x", x), ("f", f), ("text", text), ("flag", flag)]
        })
    })
}

/// An expression that is simple.
fn expression() -> impl Strategy<Value = String> {
    let operator = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let number = || {
        let integer = prop_oneof![prop::sample::select(&INTEGERS[..]), -3..4_i64];
        prop_oneof![
            integer.prop_map(|value| value.to_string()),
            prop::sample::select(&FLOATS[..]).prop_map(|value| format!("{value:?}")),
        ]
    };
    let text = || prop::sample::select(&TEXTS[..]).prop_map(|text| format!("'{text}'"));
    let compared = || {
        prop_oneof![
            3 => (prop::sample::select(vec!["n", "i", "u", "x", "f"]), number()),
            1 => (Just("text"), text()),
            1 => (Just("flag"), any::<bool>().prop_map(|value| value.to_string())),
        ]
    };
    let leaf = prop_oneof![
        4 => (compared(), operator, any::<bool>()).prop_map(|((column, literal), operator, turned)| match turned {
            true => format!("{literal} {operator} {column}"),
            false => format!("{column} {operator} {literal}"),
        }),
        1 => prop::collection::vec(text(), 0..4).prop_map(|items| format!("text in [{}]", items.join(", "))),
        1 => prop::collection::vec(number(), 0..4).prop_map(|items| format!("n in [{}]", items.join(", "))),
        1 => Just("flag".to_owned()),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|of| format!("!({of})")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(") && ("))),
            prop::collection::vec(inner, 2..4).prop_map(|any| format!("({})", any.join(") || ("))),
        ]
    })
}

/// The fields that an expression names, and what is decided of each row.
fn decided(expression: &Expression, batch: &Batch) -> Option<Vec<Option<bool>>> {
    let schema: Schema = batch.schema();
    let fields: Vec<&Field> = expression.columns().iter().map(|name| schema.field(name).unwrap()).collect();
    let (arrays, values) = read(expression, batch);
    expression.simple(&fields).map(|condition: Condition| condition.decide(&arrays, &values, batch.rows()))
}

fn read<'b>(expression: &Expression, batch: &'b Batch) -> (Vec<Array<'b>>, Vec<Values<'b>>) {
    let arrays: Vec<_> = expression.columns().iter().map(|name| batch.array(name).unwrap()).collect();
    let values = arrays.iter().map(|array| array.values().unwrap()).collect();
    (arrays, values)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn says_what_the_interpreter_says(source in expression(), columns in columns()) {
        let batch = testing::columns(columns);
        let expression = Expression::parse(&source).unwrap();
        let decided = decided(&expression, &batch);
        prop_assert!(decided.is_some(), "{} is simple", source);
        let (arrays, values) = read(&expression, &batch);
        for (i, decided) in decided.unwrap().into_iter().enumerate() {
            let is_nan = |values: &Values<'_>| match values {
                Values::Float32(floats) => floats.value(i).is_nan(),
                Values::Float64(floats) => floats.value(i).is_nan(),
                _ => false,
            };
            let comparable = !arrays.iter().any(|array| array.is_null(i)) && !values.iter().any(is_nan);
            prop_assert_eq!(decided.is_some(), comparable, "{}, row {}", source, i);
            if let Some(holds) = decided {
                let verdict = expression.evaluate(&Row::new(expression.columns(), &values, i));
                prop_assert_eq!(verdict, if holds { Verdict::True } else { Verdict::NotTrue }, "{}, row {}", source, i);
            }
        }
    }
}

#[test]
fn what_is_not_simple_is_left_to_the_interpreter() {
    let rows = || {
        let big: ArrayBuf = [u64::MAX].into_iter().collect();
        let (n, text): (ArrayBuf, ArrayBuf) = ([1_i64].into_iter().collect(), ["a"].into_iter().collect());
        testing::columns([("n", n), ("text", text), ("big", big)])
    };
    let simple = |source: &str| decided(&Expression::parse(source).unwrap(), &rows());
    assert_eq!(simple("n >= 1 && text == 'a'"), Some(vec![Some(true)]));
    for source in
        ["n + 1 > 1", "n == text", "n == 'a'", "n == null", "n > 1u", "size(text) > 0", "big > 1", "text in [n]"]
    {
        assert_eq!(simple(source), None, "{source}");
    }
}
