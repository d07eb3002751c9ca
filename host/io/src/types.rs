//! placeholder
use arrow::datatypes::{DataType, Field};

const EXTENSION: &str = "ARROW:extension:name";
const JSON: &str = "arrow.json";

/// Whether a column holds JSON as text: Utf8 with Arrow's canonical extension type `arrow.json`.
pub fn is_json(field: &Field) -> bool {
    field.data_type() == &DataType::Utf8 && field.extension_type_name() == Some(JSON)
}

/// A nullable column that holds JSON as text.
pub fn json_field(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
        .with_metadata([(EXTENSION, JSON), ("ARROW:extension:metadata", "")])
}
