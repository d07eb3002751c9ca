use callboard_sdk::prelude::*;

/// Makes numbered rows.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sequence {
    /// The first number.
    start: i64,
    /// How many rows are made.
    count: u64,
}

impl Default for Sequence {
    fn default() -> Self {
        Sequence { start: 1, count: 10 }
    }
}

#[derive(Serialize, JsonSchema)]
pub struct Output {
    n: i64,
    text: String,
}

impl RowSource for Sequence {
    type Row = Output;

    fn rows(self, skip: u64) -> Result<impl Iterator<Item = Result<Output>>> {
        Ok((skip..self.count).map(move |i| {
            let n = self.start + i as i64;
            Ok(Output { n, text: format!("row {n}") })
        }))
    }
}

callboard_sdk::source!(Sequence);
