//! Replies that have to fit a JSON Schema: which schemas are understood, whether a reply fits, and which columns its fields are.
//!
//! These are the keywords that servers enforce. A crate that knows all of JSON Schema takes 3.4 MB of WebAssembly in each step.

use std::collections::BTreeMap;

use callboard_sdk::{At, Field, Layout, Result, StepError, Type};
use regex_lite::Regex;
use serde_json::{Map, Value};

/// So deep schemas may refer to others, and their columns may be nested.
const DEEPEST: usize = 64;

/// A JSON Schema of an object.
#[derive(Debug)]
pub struct Structure {
    schema: Value,
    strict: bool,
    patterns: BTreeMap<String, Regex>,
    fields: Vec<Field>,
}

/// What says nothing about which values fit.
const REMARKS: [&str; 13] = [
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "examples",
    "format",
    "deprecated",
    "readOnly",
    "writeOnly",
];

const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

impl Structure {
    /// Checks a schema.
    ///
    /// # Errors
    /// `config`, with the place below `at`: what is no schema of an object with properties, or uses a keyword that is not checked.
    pub fn new(schema: Value, at: &str) -> Result<Structure> {
        let mut structure = Structure { schema, strict: true, patterns: BTreeMap::new(), fields: vec![] };
        let schema = structure.schema.clone();
        structure.understand(&schema, at, 0)?;
        let properties = structure.resolve(&schema).get("properties").and_then(Value::as_object);
        let Some(properties) = properties.filter(|properties| !properties.is_empty()) else {
            return Err(StepError::config(
                "the schema is that of an object: give it `properties`, which become columns",
            ))
            .at(at);
        };
        structure.fields = properties.iter().map(|(name, schema)| Field::new(name, structure.ty(schema, 0))).collect();
        Ok(structure)
    }

    /// The schema, as it was given.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// The columns that the properties are.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether servers may enforce it as OpenAI's strict mode does: no object leaves a property out or has more.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// The value in a reply, and its text without what models put around it.
    ///
    /// # Errors
    /// What does not fit, with the place.
    pub fn read(&self, text: &str) -> Result<(String, Value), String> {
        let text = unfenced(text);
        let value: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        self.check(&self.schema, &value, &mut String::new(), 0)?;
        Ok((text.to_owned(), value))
    }

    /// Whether each keyword is one that is checked, and has a value that makes sense.
    fn understand(&mut self, schema: &Value, at: &str, depth: usize) -> Result<()> {
        if schema.is_boolean() {
            return Ok(());
        }
        let Some(keywords) = schema.as_object() else {
            return Err(StepError::config("a JSON Schema is an object")).at(at);
        };
        if depth > DEEPEST {
            return Err(StepError::config("the schema is nested too deep")).at(at);
        }
        for (keyword, value) in keywords {
            let at = format!("{at}/{}", keyword.replace('~', "~0").replace('/', "~1"));
            let wrong = |what: &str| Err(StepError::config(format!("`{keyword}` is {what}"))).at(&at);
            match keyword.as_str() {
                "type" => {
                    let names: Vec<&Value> = value.as_array().map_or(vec![value], |names| names.iter().collect());
                    let known = |name: &&Value| name.as_str().is_some_and(|name| TYPES.contains(&name));
                    if names.is_empty() || !names.iter().all(known) {
                        return wrong(&format!("one of {}, or a list of these", TYPES.join(", ")));
                    }
                }
                "$ref" => {
                    let target = value.as_str().and_then(|target| self.schema.pointer(target.strip_prefix('#')?));
                    if target.is_none() {
                        return wrong("a part of this schema, such as \"#/$defs/name\", and there is no such part");
                    }
                }
                "enum" if value.as_array().is_none_or(Vec::is_empty) => return wrong("a list of values"),
                "required" => {
                    let is_names = |names: &Vec<Value>| names.iter().all(Value::is_string);
                    if !value.as_array().is_some_and(is_names) {
                        return wrong("a list of names");
                    }
                }
                "properties" | "$defs" | "definitions" => {
                    let Some(members) = value.as_object() else { return wrong("an object of schemas") };
                    for (name, member) in members {
                        let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                        self.understand(member, &at, depth + 1)?;
                    }
                }
                "items" | "additionalProperties" | "not" => self.understand(value, &at, depth + 1)?,
                "anyOf" | "oneOf" | "allOf" => {
                    let Some(choices) = value.as_array().filter(|choices| !choices.is_empty()) else {
                        return wrong("a list of schemas");
                    };
                    for (i, choice) in choices.iter().enumerate() {
                        self.understand(choice, &format!("{at}/{i}"), depth + 1)?;
                    }
                }
                "minItems" | "maxItems" | "minLength" | "maxLength" if value.as_u64().is_none() => {
                    return wrong("a number, 0 or more");
                }
                "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" if !value.is_number() => {
                    return wrong("a number");
                }
                "multipleOf" if !value.as_f64().is_some_and(|of| of > 0.0) => return wrong("a number above 0"),
                "uniqueItems" if !value.is_boolean() => return wrong("true or false"),
                "pattern" => {
                    let Some(pattern) = value.as_str() else { return wrong("a regular expression") };
                    let regex = Regex::new(pattern).map_err(|error| StepError::config(error.to_string())).at(&at)?;
                    self.patterns.insert(pattern.to_owned(), regex);
                }
                "enum" | "const" | "minItems" | "maxItems" | "minLength" | "maxLength" | "minimum" | "maximum"
                | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" | "uniqueItems" => {}
                remark if REMARKS.contains(&remark) => {}
                _ => return wrong("a keyword of JSON Schema that this step cannot check: leave it out"),
            }
        }
        if let Some(properties) = keywords.get("properties").and_then(Value::as_object) {
            let required: Vec<&str> = keywords
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let closed = keywords.get("additionalProperties") == Some(&Value::Bool(false));
            self.strict &= closed && properties.keys().all(|name| required.contains(&name.as_str()));
        }
        Ok(())
    }

    /// What a schema that only refers to another stands for.
    fn resolve<'a>(&'a self, mut schema: &'a Value) -> &'a Value {
        for _ in 0..DEEPEST {
            let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
            match target.and_then(|target| self.schema.pointer(target)) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    /// The type of a column of such values: JSON text, where no other fits all.
    fn ty(&self, schema: &Value, depth: usize) -> Type {
        let text = Type::new(Layout::Utf8);
        let schema = self.resolve(schema);
        if depth > 8 {
            return text;
        }
        // One of several, where the others are null.
        if let Some(choices) = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)?.as_array()) {
            let others: Vec<&Value> = choices.iter().filter(|choice| choice["type"] != "null").collect();
            return if let [other] = others[..] { self.ty(other, depth + 1) } else { text };
        }
        let named: Vec<&str> = match &schema["type"] {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
            _ => {
                let one = [schema["const"].clone()];
                let values = schema["enum"].as_array().map_or(&one[..], Vec::as_slice);
                let values: Vec<&Value> = values.iter().filter(|value| !value.is_null()).collect();
                let all = |is: fn(&Value) -> bool| !values.is_empty() && values.iter().all(|value| is(value));
                match () {
                    () if all(Value::is_string) => vec!["string"],
                    () if all(Value::is_i64) => vec!["integer"],
                    () if all(Value::is_number) => vec!["number"],
                    () if all(Value::is_boolean) => vec!["boolean"],
                    () => vec![],
                }
            }
        };
        match named[..] {
            ["boolean"] => Type::new(Layout::Boolean),
            ["integer"] => Type::new(Layout::Int64),
            ["number"] => Type::new(Layout::Float64),
            ["array"] if schema["items"].is_object() => Type::list(self.ty(&schema["items"], depth + 1)),
            ["object"] => match schema["properties"].as_object().filter(|properties| !properties.is_empty()) {
                Some(properties) => {
                    let member = |(name, schema): (&String, &Value)| Field::new(name, self.ty(schema, depth + 1));
                    Type::new(Layout::Struct(properties.iter().map(member).collect()))
                }
                None => text,
            },
            _ => text,
        }
    }

    /// Whether a value fits.
    fn check(&self, schema: &Value, value: &Value, at: &mut String, depth: usize) -> Result<(), String> {
        if depth > 4 * DEEPEST {
            return Err(place(at, "is nested too deep"));
        }
        let keywords = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Object(keywords) => keywords,
            _ => return Err(place(at, "should not be there")),
        };
        for (keyword, wanted) in keywords {
            match keyword.as_str() {
                "$ref" => {
                    let target = wanted.as_str().and_then(|target| self.schema.pointer(target.strip_prefix('#')?));
                    self.check(target.unwrap_or(&Value::Bool(true)), value, at, depth + 1)?;
                }
                "properties" => {
                    let (Some(properties), Some(members)) = (wanted.as_object(), value.as_object()) else { continue };
                    for (name, schema) in properties {
                        let Some(member) = members.get(name) else { continue };
                        self.below(schema, member, at, name, depth)?;
                    }
                }
                "additionalProperties" => {
                    let Some(members) = value.as_object() else { continue };
                    let known = keywords.get("properties").and_then(Value::as_object);
                    let more = members.iter().filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)));
                    for (name, member) in more {
                        self.below(wanted, member, at, name, depth)?;
                    }
                }
                "items" => {
                    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.below(wanted, item, at, &i.to_string(), depth)?;
                    }
                }
                "anyOf" | "oneOf" => {
                    let choices = wanted.as_array().map_or(&[][..], Vec::as_slice);
                    let fits: Vec<Result<(), String>> =
                        choices.iter().map(|choice| self.check(choice, value, at, depth + 1)).collect();
                    match fits.iter().filter(|fit| fit.is_ok()).count() {
                        0 => {
                            let whys: Vec<String> = fits.into_iter().filter_map(Result::err).collect();
                            return Err(place(
                                at,
                                &format!("fits none of {} choices: {}", choices.len(), whys.join("; ")),
                            ));
                        }
                        1 => {}
                        _ if keyword == "oneOf" => {
                            return Err(place(at, "fits several choices, of which one is wanted"));
                        }
                        _ => {}
                    }
                }
                "allOf" => {
                    for part in wanted.as_array().into_iter().flatten() {
                        self.check(part, value, at, depth + 1)?;
                    }
                }
                "not" if self.check(wanted, value, at, depth + 1).is_ok() => {
                    return Err(place(at, "is what it should not be"));
                }
                _ => self.asserted(keyword, wanted, value, at)?,
            }
        }
        required(keywords, value, at)
    }

    fn below(&self, schema: &Value, value: &Value, at: &mut String, name: &str, depth: usize) -> Result<(), String> {
        let length = at.len();
        at.push('/');
        at.push_str(name);
        let checked = self.check(schema, value, at, depth + 1);
        at.truncate(length);
        checked
    }

    /// A keyword that holds no other schema.
    fn asserted(&self, keyword: &str, wanted: &Value, value: &Value, at: &str) -> Result<(), String> {
        let length = |text: &str| text.chars().count() as u64;
        let number = value.as_f64();
        let limit = wanted.as_f64().unwrap_or(f64::NAN);
        let count = wanted.as_u64().unwrap_or(0);
        let items = value.as_array();
        let text = value.as_str();
        let why = match keyword {
            "type" => {
                let names: Vec<&Value> = wanted.as_array().map_or(vec![wanted], |names| names.iter().collect());
                let is = |name: &&&Value| is_of(value, name.as_str().unwrap_or_default());
                match names.iter().find(is) {
                    Some(name) if **name == "integer" && integer(value).is_none() => {
                        "is out of the range of int64".into()
                    }
                    Some(_) => return Ok(()),
                    None => {
                        let names: Vec<&str> = names.iter().filter_map(|name| name.as_str()).collect();
                        format!("should be {}, found {}", names.join(" or "), crate::server::cut(&value.to_string()))
                    }
                }
            }
            "enum" if !wanted.as_array().is_some_and(|values| values.contains(value)) => {
                format!("should be one of {wanted}, found {}", crate::server::cut(&value.to_string()))
            }
            "const" if wanted != value => {
                format!("should be {wanted}, found {}", crate::server::cut(&value.to_string()))
            }
            "minimum" if number.is_some_and(|number| number < limit) => {
                format!("should be at least {wanted}, found {value}")
            }
            "maximum" if number.is_some_and(|number| number > limit) => {
                format!("should be at most {wanted}, found {value}")
            }
            "exclusiveMinimum" if number.is_some_and(|number| number <= limit) => {
                format!("should be more than {wanted}, found {value}")
            }
            "exclusiveMaximum" if number.is_some_and(|number| number >= limit) => {
                format!("should be less than {wanted}, found {value}")
            }
            "multipleOf" if number.is_some_and(|number| ((number / limit).round() * limit - number).abs() > 1e-9) => {
                format!("should be a multiple of {wanted}, found {value}")
            }
            "minItems" if items.is_some_and(|items| (items.len() as u64) < count) => {
                format!("should have at least {count} items, found {}", items.map_or(0, Vec::len))
            }
            "maxItems" if items.is_some_and(|items| items.len() as u64 > count) => {
                format!("should have at most {count} items, found {}", items.map_or(0, Vec::len))
            }
            "uniqueItems" if wanted == &Value::Bool(true) && items.is_some_and(|items| has_twice(items)) => {
                "has an item twice".into()
            }
            "minLength" if text.is_some_and(|text| length(text) < count) => {
                format!("should have at least {count} characters, found {}", text.map_or(0, length))
            }
            "maxLength" if text.is_some_and(|text| length(text) > count) => {
                format!("should have at most {count} characters, found {}", text.map_or(0, length))
            }
            "pattern" => {
                let regex = wanted.as_str().and_then(|pattern| self.patterns.get(pattern));
                match (regex, text) {
                    (Some(regex), Some(text)) if !regex.is_match(text) => format!("should match {wanted}"),
                    _ => return Ok(()),
                }
            }
            _ => return Ok(()),
        };
        Err(place(at, &why))
    }
}

fn required(keywords: &Map<String, Value>, value: &Value, at: &str) -> Result<(), String> {
    let Some(members) = value.as_object() else { return Ok(()) };
    let names = keywords.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    match names.into_iter().find(|name| !members.contains_key(*name)) {
        Some(name) => Err(place(at, &format!("lacks `{name}`"))),
        None => Ok(()),
    }
}

fn place(at: &str, what: &str) -> String {
    if at.is_empty() { format!("it {what}") } else { format!("{at} {what}") }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// A number without a fraction, as 64 bits hold it.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64().filter(|_| !value.is_u64())?;
        (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
    })
}

fn has_twice(items: &[Value]) -> bool {
    items.iter().enumerate().any(|(i, item)| items[..i].contains(item))
}

/// A text without the fence of Markdown that models put around JSON.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inside = text.strip_prefix("```").and_then(|text| text.strip_suffix("```"));
    match inside {
        Some(inside) => inside.strip_prefix("json").unwrap_or(inside).trim(),
        None => text,
    }
}
