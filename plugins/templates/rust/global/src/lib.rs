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

    fn gather(&self) -> Gather {
        Gather::by_key([self.column.as_str()])
    }

    fn run(&mut self, inputs: &mut Inputs<'_, Self>, output: &mut RowWriter<'_, Self>) -> Result<()> {
        let mut known = HashSet::new();
        if inputs.count() == 2 {
            inputs.each_of(1, |_, row| {
                known.insert(row.value.map(str::to_owned));
                Ok(())
            })?;
        }
        inputs.each_group(
            |is_seen: &mut bool, number, row| {
                if known.contains(&row.value.map(str::to_owned)) {
                    output.drop(number, "known");
                } else if std::mem::replace(is_seen, true) {
                    output.drop(number, "duplicate");
                } else {
                    output.keep(number)?;
                }
                Ok(())
            },
            |_| Ok(()),
        )
    }
}

callboard_sdk::global!(FirstOfEach);
