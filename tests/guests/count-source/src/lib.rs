//! Makes rows that count from 0, a page at a time.
#![forbid(unsafe_code)]

use callboard_sdk::prelude::*;

/// How far to count.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How many rows to make.
    rows: i64,
    /// How many rows a page has.
    #[serde(default = "page")]
    page: i64,
}

fn page() -> i64 {
    1000
}

/// Makes rows that count.
pub struct Count;

impl Source for Count {
    type Config = Config;
    type Cursor = i64;

    fn bind(config: Config) -> Result<BoundSource<i64>> {
        if config.page < 1 {
            return Err(StepError::config(format!("a page has at least 1 row, and not {}", config.page)).at("/page"));
        }
        Ok(Shape::new().writes(Field::int64("n").not_null()).pages(move |first: i64| {
            let next = config.rows.min(first + config.page);
            Ok((first < next).then(|| Page::new(next).column((first..next).collect::<ArrayBuf>())))
        }))
    }
}

callboard_sdk::source!(Count);

#[cfg(test)]
mod tests {
    use callboard_sdk::{serde_json::json, testing};

    use super::*;

    #[test]
    fn it_counts_and_goes_on_from_every_page() {
        let rows = testing::source::<Count>(json!({"rows": 5, "page": 2})).unwrap();
        assert_eq!(rows, [json!({"n": 0}), json!({"n": 1}), json!({"n": 2}), json!({"n": 3}), json!({"n": 4})]);
        assert!(testing::source::<Count>(json!({"rows": 0})).unwrap().is_empty());
    }
}
