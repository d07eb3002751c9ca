//! One row for each item of a list column.
#![forbid(unsafe_code)]

mod rows;

use callboard_sdk::prelude::*;

/// Which lists, and what happens to those without items.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The list column.
    column: String,
    /// The column to write the items to; by default they replace the lists.
    #[serde(default, rename = "as")]
    into: Option<String>,
    /// What to do with a row whose list is empty or null: `drop` it, or keep it once with a `null` item.
    #[serde(default)]
    empty: Empty,
}

/// What happens to a row without items.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Empty {
    /// It is dropped.
    #[default]
    Drop,
    /// It is kept once, with a null item.
    Null,
}

/// Makes a row of each item of a list column; the other columns are repeated.
pub struct Explode;

impl Transform for Explode {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let lists = input.list(&config.column).at("/column")?;
        let (Layout::List(items) | Layout::Vector(items, _)) = &lists.field().ty.layout else {
            unreachable!("a handle on lists")
        };
        let name = config.into.as_deref().unwrap_or(lists.name());
        let mut written = Field::new(name, (**items).clone());
        written.ty.nullable |= config.empty == Empty::Null;
        let mut shape = Shape::new().reads(&lists).writes(written);
        if name != lists.name() {
            shape = shape.drops(&lists);
        }
        Ok(shape.process(move |batch| {
            let lists = batch.get(&lists)?;
            let rows = rows::explode(lists.iter(), config.empty == Empty::Null);
            let mut output = Output::new().column(lists.items().take_or_null(&rows.items)).keep(rows.origins);
            for row in rows.without {
                output.drop(row, if lists.is_null(row) { "null list" } else { "empty list" });
            }
            Ok(output)
        }))
    }
}

callboard_sdk::transform!(Explode);

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_sdk::testing::{self, dropped};
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
}
