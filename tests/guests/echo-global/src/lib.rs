//! Writes back what it reads, so that every type crosses a reader and a writer.
#![forbid(unsafe_code)]

use callboard_sdk::prelude::*;

/// How to put rows out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whether rows are new (`write`), and not those of the input with other columns (`keep`). New rows come from all inputs,
    /// one after the other, which have the same columns.
    #[serde(default)]
    new_rows: bool,
}

/// Writes back what it reads.
pub struct Echo;

impl Global for Echo {
    type Config = Config;

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        if !config.new_rows {
            Schema::only(inputs)?;
        }
        let handles = |input: &Schema| input.fields().iter().map(|field| input.any(field)).collect::<Result<Vec<_>>>();
        let columns = inputs.iter().map(handles).collect::<Result<Vec<_>>>()?;
        let shape = Shape::new().reads_all(columns.iter().flatten()).writes_all(&columns[0]);
        Ok(shape.run(move |inputs, output| {
            for (input, columns) in inputs.iter_mut().zip(&columns) {
                for mut batch in input.batches() {
                    let rows: Vec<u64> = (batch.first_row()..batch.first_row() + batch.rows() as u64).collect();
                    let columns = columns.iter().map(|column| batch.move_out(column)).collect::<Result<Vec<_>>>()?;
                    if config.new_rows {
                        output.write(columns)?;
                    } else {
                        output.keep_with(&rows, columns)?;
                    }
                }
            }
            Ok(())
        }))
    }
}

callboard_sdk::global!(Echo);

#[cfg(test)]
mod tests {
    use callboard_sdk::{serde_json::json, testing};

    use super::*;

    #[test]
    fn rows_come_back_as_they_went() {
        let rows = json!([{"id": 1, "tags": ["a", "b"]}, {"id": 2, "tags": null}, {"id": 3, "tags": []}]);
        for config in [json!({}), json!({"new_rows": true})] {
            let outcome = testing::global::<Echo>(config, [rows.clone()]).unwrap();
            assert_eq!(json!(outcome.rows), rows);
        }
        let twice = testing::global::<Echo>(json!({"new_rows": true}), [rows.clone(), rows.clone()]).unwrap();
        assert_eq!(twice.rows.len(), 6);
    }
}
