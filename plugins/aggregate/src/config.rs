//! What is asked for.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use callboard_sdk::prelude::*;
use schemars::{Schema as JsonSchemaOf, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

/// The groups, and their figures.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The columns, of any type, that rows of a group agree in. Two nulls agree. Without columns, all rows are one group.
    pub(crate) by: Vec<String>,
    /// The columns to write, in this order: for each its name, and `"count"` or `{ FUNCTION = "COLUMN" }`. The functions are
    /// `count`, `sum`, `mean`, `min`, `max`, `first` and `list`.
    pub(crate) figures: Figures,
    /// Columns to gather into lists under their own names, beside `figures`: their names, or `true` for all that are neither in `by` nor
    /// names of figures. A group of rows becomes one row of lists.
    pub(crate) lists: Lists,
    /// Keeps all rows, with the figures of their group beside their columns. Otherwise one row for each group goes on.
    pub(crate) beside: bool,
}

/// Which columns are gathered into lists.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Lists {
    /// All that are left, or none.
    Rest(bool),
    /// These.
    Columns(Vec<String>),
}

impl Default for Lists {
    fn default() -> Self {
        Lists::Rest(false)
    }
}

impl Config {
    /// The names of the columns that are gathered into lists.
    pub(crate) fn lists(&self, input: &Schema) -> Vec<String> {
        let taken: HashSet<&String> = self.by.iter().chain(self.figures.0.iter().map(|(name, _)| name)).collect();
        match &self.lists {
            Lists::Rest(false) => Vec::new(),
            Lists::Rest(true) => {
                let names = input.fields().iter().map(|field| &field.name);
                names.filter(|name| !taken.contains(name)).cloned().collect()
            }
            Lists::Columns(names) => names.clone(),
        }
    }
}

/// Figures by their names, in order.
#[derive(Debug, Default)]
pub(crate) struct Figures(pub(crate) Vec<(String, Of)>);

/// A figure.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Of {
    /// The number of rows.
    Rows(Rows),
    /// The values of a column.
    Column(Function),
}

/// The figure without a column.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Rows {
    /// The number of rows.
    Count,
}

/// A function of a column.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Function {
    /// The number of values that are not null.
    Count(String),
    /// The sum.
    Sum(String),
    /// The mean.
    Mean(String),
    /// The smallest value.
    Min(String),
    /// The largest value.
    Max(String),
    /// The value of the first row.
    First(String),
    /// All values.
    List(String),
}

impl<'de> Deserialize<'de> for Figures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Figures;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of figures by their names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Figures, A::Error> {
                let mut figures = vec![];
                while let Some(figure) = map.next_entry()? {
                    figures.push(figure);
                }
                Ok(Figures(figures))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// By hand, so that an error names the place of the mistake.
impl<'de> Deserialize<'de> for Of {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowsOrColumn;

        impl<'de> Visitor<'de> for RowsOrColumn {
            type Value = Of;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`count` or `{ FUNCTION = \"COLUMN\" }`")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Of, E> {
                match name {
                    "count" => Ok(Of::Rows(Rows::Count)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(name), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Of, A::Error> {
                Function::deserialize(MapAccessDeserializer::new(map)).map(Of::Column)
            }
        }

        deserializer.deserialize_any(RowsOrColumn)
    }
}

impl JsonSchema for Figures {
    fn schema_name() -> Cow<'static, str> {
        "Figures".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> JsonSchemaOf {
        std::collections::BTreeMap::<String, Of>::json_schema(generator)
    }
}

/// For the default, which has none.
impl Serialize for Figures {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, _)| (name, ())))
    }
}
