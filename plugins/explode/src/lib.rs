//! One row for each item of a list column, or of several side by side.
#![forbid(unsafe_code)]

mod rows;

use std::collections::{BTreeMap, BTreeSet};

use callboard_sdk::array::Lists;
use callboard_sdk::prelude::*;
use rows::Fill;

/// Which lists, and what happens to those without items.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The list column; or several in `columns`.
    #[serde(default)]
    column: Option<String>,
    /// The column to write the items of `column` to; by default they replace the lists.
    #[serde(default, rename = "as")]
    into: Option<String>,
    /// Several list columns, whose items are taken side by side: their names, or a table of list column to the column to write its items
    /// to, such as `{ answers = "answer", scores = "score" }`.
    #[serde(default)]
    columns: Option<Several>,
    /// What to do with a row whose lists are empty or null: `drop` it, or keep it once with `null` items.
    #[serde(default)]
    empty: Empty,
    /// What to do with a row whose lists have different numbers of items: `reject` it, or fill the shorter ones up with `null`. A null
    /// list has no items.
    #[serde(default)]
    uneven: Uneven,
}

/// Several columns of lists.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Several {
    /// Their names; the items replace the lists.
    Names(Vec<String>),
    /// List column to the column of its items.
    As(BTreeMap<String, String>),
}

/// What happens to a row without items.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Empty {
    /// It is dropped.
    #[default]
    Drop,
    /// It is kept once, with null items.
    Null,
}

/// What happens to a row whose lists have different numbers of items.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Uneven {
    /// It is rejected.
    #[default]
    Reject,
    /// Shorter lists are filled up with nulls.
    Null,
}

impl Config {
    /// List column, the column of its items, and where the configuration says so.
    fn pairs(&self) -> Result<Vec<(String, String, String)>> {
        match (&self.column, &self.columns) {
            (Some(column), None) => {
                let into = self.into.as_ref().unwrap_or(column);
                Ok(vec![(column.clone(), into.clone(), "/column".to_owned())])
            }
            (None, Some(_)) if self.into.is_some() => {
                let help =
                    "`as` goes with `column`; name the columns of items in a table: columns = { answers = \"answer\" }";
                Err(StepError::config(help)).at("/as")
            }
            (None, Some(Several::Names(names))) if !names.is_empty() => {
                let pair = |(nth, name): (usize, &String)| (name.clone(), name.clone(), format!("/columns/{nth}"));
                Ok(names.iter().enumerate().map(pair).collect())
            }
            (None, Some(Several::As(columns))) if !columns.is_empty() => {
                let at = |name: &str| format!("/columns/{}", name.replace('~', "~0").replace('/', "~1"));
                Ok(columns.iter().map(|(column, into)| (column.clone(), into.clone(), at(column))).collect())
            }
            (None, Some(_)) => Err(StepError::config("`columns` names no column")).at("/columns"),
            (Some(_), Some(_)) => {
                Err(StepError::config("`column` and `columns` both name lists: write one")).at("/column")
            }
            (None, None) => {
                Err(StepError::config("name the list column: column = \"…\", or several: columns = [\"…\"]"))
            }
        }
    }
}

/// Makes a row of each item of a list column, or of several side by side; the other columns are repeated.
pub struct Explode;

impl Transform for Explode {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let pairs = config.pairs()?;
        let fill = Fill { empty: config.empty == Empty::Null, uneven: config.uneven == Uneven::Null };
        let written: BTreeSet<&str> = pairs.iter().map(|(_, into, _)| into.as_str()).collect();
        let mut shape = Shape::new();
        let (mut columns, mut seen) = (Vec::with_capacity(pairs.len()), BTreeSet::new());
        for (column, into, at) in &pairs {
            let lists = input.list(column).at(at)?;
            if columns.iter().any(|known: &Column<List>| known.name() == column) {
                return Err(StepError::config(format!("`{column}` is named twice"))).at(at);
            }
            if !seen.insert(into) {
                return Err(StepError::config(format!("two columns of items are called `{into}`"))).at(at);
            }
            let (Layout::List(items) | Layout::Vector(items, _)) = &lists.field().ty.layout else {
                unreachable!("a handle on lists")
            };
            let mut field = Field::new(into, (**items).clone());
            field.ty.nullable |= fill.empty || fill.uneven;
            shape = shape.reads(&lists).writes(field);
            if !written.contains(column.as_str()) {
                shape = shape.drops(&lists);
            }
            columns.push(lists);
        }
        Ok(shape.process(move |batch| {
            let lists = columns.iter().map(|column| batch.get(column)).collect::<Result<Vec<Lists<'_>>>>()?;
            let rows = rows::explode(lists.len(), batch.rows(), |column, row| lists[column].get(row), fill);
            let mut output = Output::new();
            for (lists, items) in lists.iter().zip(&rows.items) {
                output = output.column(lists.items().take_or_null(items));
            }
            output = output.keep(rows.origins);
            for row in rows.without {
                let null = lists.iter().all(|lists| lists.is_null(row));
                output.drop(row, if null { "null list" } else { "empty list" });
            }
            for row in rows.uneven {
                let count = |nth: usize| lists[nth].get(row).map_or(0, |items| items.len());
                let other = (1..lists.len()).find(|nth| count(*nth) != count(0)).unwrap_or_default();
                let of = |nth: usize| format!("`{}` has {}", columns[nth].name(), count(nth));
                output.reject(row, format!("lists of different lengths: {} and {} items", of(0), of(other)));
            }
            Ok(output)
        }))
    }
}

callboard_sdk::transform!(Explode);

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_sdk::testing::{self, dropped, rejected};
    use serde_json::json;

    #[test]
    fn repeats_the_other_columns() {
        let rows = || json!([{ "id": 1, "tags": ["a", "b"] }, { "id": 2, "tags": [] }, { "id": 3, "tags": null }]);
        let outcome = testing::transform::<Explode>(json!({ "column": "tags" }), rows()).unwrap();
        assert_eq!(outcome.rows, [json!({ "id": 1, "tags": "a" }), json!({ "id": 1, "tags": "b" })]);
        assert_eq!(outcome.removed, [dropped(1, "empty list"), dropped(2, "null list")]);

        let config = json!({ "column": "tags", "as": "tag", "empty": "null" });
        let outcome = testing::transform::<Explode>(config, rows()).unwrap();
        assert_eq!(
            outcome.rows[1..],
            [json!({ "id": 1, "tag": "b" }), json!({ "id": 2, "tag": null }), json!({ "id": 3, "tag": null })]
        );
        assert_eq!(outcome.removed, []);
    }

    /// A null item has no members, so theirs stay as they were declared.
    #[test]
    fn a_null_for_an_item_leaves_its_members_as_they_are() {
        let config = json!({ "column": "tags", "empty": "null" });
        let rows = json!([{ "tags": [{ "a": 1, "v": [[1, 2]] }] }, { "tags": [] }]);
        let outcome = testing::transform::<Explode>(config, rows).unwrap();
        assert_eq!(outcome.rows, [json!({ "tags": { "a": 1, "v": [[1, 2]] } }), json!({ "tags": null })]);
    }

    #[test]
    fn takes_items_of_any_type() {
        let rows = json!([{ "turns": [{ "who": "me", "said": ["x", "y"] }, { "who": null, "said": [] }] }]);
        let outcome = testing::transform::<Explode>(json!({ "column": "turns" }), rows).unwrap();
        assert_eq!(outcome.rows[1], json!({ "turns": { "who": null, "said": [] } }));
        let error = testing::transform::<Explode>(json!({ "column": "id" }), json!([{ "id": 1 }])).unwrap_err();
        assert_eq!(error.at.as_deref(), Some("/column"));
    }

    #[test]
    fn takes_several_lists_side_by_side() {
        let rows = || {
            json!([
                { "id": 1, "q": ["a", "b"], "a": [1, 2] },
                { "id": 2, "q": ["c"], "a": [3, 4] },
                { "id": 3, "q": [], "a": null },
            ])
        };
        let config = json!({ "columns": { "q": "question", "a": "answer" } });
        let outcome = testing::transform::<Explode>(config, rows()).unwrap();
        assert_eq!(
            outcome.rows,
            [json!({ "id": 1, "question": "a", "answer": 1 }), json!({ "id": 1, "question": "b", "answer": 2 })]
        );
        // In a table, columns come in the order of their names.
        let why = "lists of different lengths: `a` has 2 and `q` has 1 items";
        assert_eq!(outcome.removed, [rejected(1, why), dropped(2, "empty list")]);

        let config = json!({ "columns": ["q", "a"], "empty": "null", "uneven": "null" });
        let outcome = testing::transform::<Explode>(config, rows()).unwrap();
        assert_eq!(
            outcome.rows[2..],
            [
                json!({ "id": 2, "q": "c", "a": 3 }),
                json!({ "id": 2, "q": null, "a": 4 }),
                json!({ "id": 3, "q": null, "a": null })
            ]
        );
        assert_eq!(outcome.removed, []);
    }

    /// Items may take the name of a list beside them.
    #[test]
    fn names_of_items_may_be_those_of_other_lists() {
        let config = json!({ "columns": { "q": "a", "a": "q" } });
        let outcome = testing::transform::<Explode>(config, json!([{ "q": ["x"], "a": [1] }])).unwrap();
        assert_eq!(outcome.rows, [json!({ "q": 1, "a": "x" })]);
    }

    #[test]
    fn says_what_is_wrong_with_its_configuration() {
        for (config, at, what) in [
            (json!({}), None, "name the list column"),
            (json!({ "column": "a", "columns": ["b"] }), Some("/column"), "both name lists"),
            (json!({ "columns": ["a"], "as": "b" }), Some("/as"), "`as` goes with `column`"),
            (json!({ "columns": [] }), Some("/columns"), "names no column"),
            (json!({ "columns": ["a", "a"] }), Some("/columns/1"), "`a` is named twice"),
            (json!({ "columns": { "a": "x", "b": "x" } }), Some("/columns/b"), "two columns of items are called `x`"),
            (json!({ "columns": { "a": "x", "n/m": "y" } }), Some("/columns/n~1m"), "n/m"),
        ] {
            let rows = json!([{ "a": [1], "b": [2], "n/m": 3 }]);
            let error = testing::transform::<Explode>(config.clone(), rows).unwrap_err();
            assert_eq!(error.at.as_deref(), at, "{config}: {error}");
            assert!(error.message.contains(what), "{config}: {error}");
        }
    }
}
