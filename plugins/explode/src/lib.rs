//! One row for each item of a list column.

mod rows;

use callboard_sdk::prelude::*;

/// Which lists, and what becomes of those without items.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The column of lists.
    column: String,
    /// The column that the items go into; without it, they take the place of the lists.
    #[serde(default, rename = "as")]
    into: Option<String>,
    /// What becomes of rows whose list is empty or null.
    #[serde(default)]
    empty: Empty,
}

/// What becomes of a row without items.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Empty {
    /// It is dropped.
    #[default]
    Drop,
    /// It goes on once, with a null for an item.
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
