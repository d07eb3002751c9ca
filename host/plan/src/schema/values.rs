//! Values that several tables have, as the schema has them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// One, or a list of at least one.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    /// One.
    One(String),
    /// Several, in this order.
    Many(#[schemars(length(min = 1))] Vec<String>),
}

/// Unique among inputs, steps and outputs.
#[derive(Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(#[schemars(length(min = 1, max = 100), regex(pattern = r"^[A-Za-z0-9_-]+$"))] String);

/// How many rows may be rejected.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum MaxRejects {
    /// At most this many.
    Rows(#[schemars(with = "OrParam<u64>")] u64),
    /// At most this share, in percent: of the step's first input, or of all that the run reads.
    Percent(#[schemars(regex(pattern = r"^[0-9]+(\.[0-9]{1,6})?\s*%$"))] String),
}

#[derive(JsonSchema)]
pub(super) struct Retries(#[schemars(range(min = 0, max = 100))] u32);

#[derive(JsonSchema)]
pub(super) struct Count(#[schemars(range(min = 1))] u64);

#[derive(JsonSchema)]
pub(super) struct Replicas(#[schemars(range(min = 1, max = 1024))] u32);

#[derive(JsonSchema)]
pub(super) struct BatchRows(#[schemars(range(min = 1, max = 1_048_576))] u64);

/// A value, or a whole-string `${params.x}` in its place.
pub(super) struct OrParam<T>(std::marker::PhantomData<T>);

impl<T: JsonSchema> JsonSchema for OrParam<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrParam", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [value, { "type": "string", "pattern": r"^\$\{params\..+\}$" }] })
    }
}
