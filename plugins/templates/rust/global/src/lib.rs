use std::collections::HashSet;
use std::ops::RangeInclusive;

use callboard_sdk::prelude::*;

/// Keeps the first row for each value of a column, less the values that a second input knows.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FirstOfEach {
    /// The column of text.
    column: String,
}

impl Default for FirstOfEach {
    fn default() -> Self {
        FirstOfEach { column: "source".into() }
    }
}

#[derive(Deserialize)]
pub struct Input<'a> {
    value: Option<&'a str>,
}

impl RowGlobal for FirstOfEach {
    type Input<'a> = Input<'a>;
    type Other<'a> = Input<'a>;
    type Output = ();
    const INPUTS: RangeInclusive<usize> = 1..=2;

    fn columns(&self) -> Columns {
        Columns::new().read("value", &self.column, "/column")
    }

    fn run(&mut self, inputs: &mut Inputs<'_, Self>, output: &mut RowWriter<'_, Self>) -> Result<()> {
        let mut known = HashSet::new();
        if inputs.count() == 2 {
            inputs.each_of(1, |_, row| {
                known.insert(row.value.map(str::to_owned));
                Ok(())
            })?;
        }
        let mut seen = HashSet::new();
        inputs.each(|number, row| {
            let value = row.value.map(str::to_owned);
            if known.contains(&value) {
                output.drop(number, "known");
                return Ok(());
            }
            if seen.insert(value) {
                return output.keep(number);
            }
            output.drop(number, "duplicate");
            Ok(())
        })
    }
}

callboard_sdk::global!(FirstOfEach);
