use callboard_sdk::prelude::*;

/// Counts the words of a text, and drops texts with too few.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WordCount {
    /// The column of text.
    column: String,
    /// The fewest words that a text may have.
    min: u64,
}

impl Default for WordCount {
    fn default() -> Self {
        WordCount { column: "text".into(), min: 1 }
    }
}

#[derive(Deserialize)]
pub struct Input<'a> {
    text: Option<&'a str>,
}

#[derive(Serialize, JsonSchema)]
pub struct Output {
    n_words: i64,
}

impl RowTransform for WordCount {
    type Input<'a> = Input<'a>;
    type Output = Output;

    fn columns(&self) -> Columns {
        Columns::new().read("text", &self.column, "/column")
    }

    fn row(&mut self, row: Input<'_>) -> Result<Fate<Output>> {
        let Some(text) = row.text else { return Fate::reject("no text") };
        let white = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
        match text.as_bytes().split(white).filter(|word| !word.is_empty()).count() as u64 {
            few if few < self.min => Fate::drop(format!("{few} words, fewer than {}", self.min)),
            words => Fate::keep(Output { n_words: words as i64 }),
        }
    }
}

callboard_sdk::transform!(WordCount);
