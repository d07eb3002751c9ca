#![forbid(unsafe_code)]

use callboard_sdk::array::Values;
use callboard_sdk::prelude::*;
use callboard_sdk::rows::RowBuf;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum By {
    #[default]
    Rows,
    Columns,
}

/// Puts every column out as it came in, written anew.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How rows are read and written.
    #[serde(default)]
    by: By,
}

pub struct Mirror;

impl Transform for Mirror {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        if let By::Rows = config.by {
            return ByRows::bind(ByRows {}, input);
        }
        let shape = Shape::new().reads_all(input.fields()).writes_all(input.fields());
        Ok(shape.process(|batch| {
            batch.columns().try_fold(Output::new(), |output, (_, array)| Ok(output.column(copy(array)?)))
        }))
    }
}

/// A column from the values of its view.
fn copy(array: Array<'_>) -> Result<ArrayBuf> {
    let copied: ArrayBuf = match array.values()? {
        Values::Booleans(view) => view.iter().collect(),
        Values::Int8(view) => view.iter().collect(),
        Values::Int16(view) => view.iter().collect(),
        Values::Int32(view) => view.iter().collect(),
        Values::Int64(view) => view.iter().collect(),
        Values::UInt8(view) => view.iter().collect(),
        Values::UInt16(view) => view.iter().collect(),
        Values::UInt32(view) => view.iter().collect(),
        Values::UInt64(view) => view.iter().collect(),
        Values::Float32(view) => view.iter().collect(),
        Values::Float64(view) => view.iter().collect(),
        Values::Strings(view) => view.iter().collect(),
        Values::Binaries(view) if array.ty().layout == Layout::Binary => view.iter().collect(),
        _ => array.take(&(0..array.len() as u32).collect::<Vec<_>>()),
    };
    Ok(copied.with_logical(array.ty().logical))
}

#[derive(Deserialize, JsonSchema)]
struct ByRows {}

impl RowTransform for ByRows {
    type Input<'a> = Row<'a>;
    type Output = RowBuf;

    fn writes(&self, input: &Schema) -> Result<Vec<Field>> {
        Ok(input.fields().to_vec())
    }

    fn row(&mut self, row: Row<'_>) -> Result<Fate<RowBuf>> {
        Fate::keep(row.to_buf())
    }
}

callboard_sdk::transform!(Mirror);
