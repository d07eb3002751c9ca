//! The JSON Schema of a step's configuration, which a component wrote.

use boon::{Compiler, SchemaIndex, Schemas, SchemeUrlLoader};
use serde_json::Value;

/// What the schema is called where it refers to itself.
const NAME: &str = "callboard:configuration";

/// A schema that configurations have to fit.
pub(crate) struct Checker {
    schemas: Schemas,
    schema: SchemaIndex,
}

impl Checker {
    /// Reads a schema. What it refers to has to be in it: nothing is loaded.
    ///
    /// # Errors
    ///
    /// It is not a JSON Schema, in words.
    pub(crate) fn of(schema: &Value) -> Result<Checker, String> {
        let mut compiler = Compiler::new();
        compiler.use_loader(Box::new(SchemeUrlLoader::new()));
        let mut schemas = Schemas::new();
        let compiled = compiler.add_resource(NAME, schema.clone()).and_then(|()| compiler.compile(NAME, &mut schemas));
        let schema = compiled.map_err(|error| format!("{error:#}").replace(NAME, ""))?;
        Ok(Checker { schemas, schema })
    }

    /// Whether a configuration fits.
    pub(crate) fn accepts(&self, config: &Value) -> bool {
        self.schemas.validate(config, self.schema).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Checker;

    #[test]
    fn configurations_fit_a_schema_or_do_not() {
        let schema = json!({
            "$defs": { "size": { "type": "integer", "minimum": 1 } },
            "type": "object", "properties": { "size": { "$ref": "#/$defs/size" } }, "additionalProperties": false,
        });
        let checker = Checker::of(&schema).unwrap();
        for (config, fits) in [
            (json!({}), true),
            (json!({ "size": 2 }), true),
            (json!({ "size": 0 }), false),
            (json!({ "size": "2" }), false),
            (json!({ "other": 2 }), false),
        ] {
            assert_eq!(checker.accepts(&config), fits, "{config}");
        }
    }

    #[test]
    fn what_is_no_schema_is_said() {
        for (schema, said) in [
            (json!({ "type": "text" }), "/type"),
            (json!({ "properties": [] }), "/properties"),
            (json!({ "$ref": "#/$defs/gone" }), "gone"),
        ] {
            let error = Checker::of(&schema).map(|_| ()).unwrap_err();
            assert!(error.contains(said), "{schema}: {error}");
        }
    }

    #[test]
    fn a_schema_loads_no_file_and_no_page() {
        let file = concat!("file://", env!("CARGO_MANIFEST_DIR"), "/../../docs/pipeline.schema.json");
        for place in [file, "https://example.com/pipeline.schema.json"] {
            let error = Checker::of(&json!({ "$ref": place })).map(|_| ()).unwrap_err();
            assert!(error.contains("pipeline.schema.json"), "{error}");
        }
    }
}
