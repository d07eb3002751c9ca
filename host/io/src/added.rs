//! Columns that are not in the files: where a row is from, what a folder's name says, and constants.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Component, Path};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, UInt64Array, new_null_array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use percent_encoding::percent_decode_str;

use crate::error::IoError;
use crate::places::Source;
use crate::spec::{Added, InputSpec};

/// What Hive calls the folder of rows whose column is null.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The columns that are added to those of the files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Additions {
    /// Folders' keys, in the order of the first file's folders.
    folders: Vec<String>,
    columns: Vec<(String, Added)>,
}

impl Additions {
    /// Those that an input asks for.
    ///
    /// # Errors
    /// Files whose folders have not the same keys.
    pub(crate) fn of(spec: &InputSpec, files: &[Source]) -> Result<Additions, IoError> {
        let mut folders: Option<Vec<String>> = None;
        let names_files = spec.add.iter().any(|(_, added)| *added == Added::File);
        if let Some(file) = files.iter().find(|file| names_files && file.path().to_str().is_none()) {
            let message = "its name is not UTF-8, and `add` puts it into a column";
            return Err(IoError::spec(message).in_file(file).with_help("rename it, or remove `@file`"));
        }
        for file in files.iter().filter(|_| spec.hive) {
            let Some(pairs) = folders_of(spec, file.path()) else {
                let message = "a folder in its path is not UTF-8, and `hive` makes a column of it";
                return Err(IoError::spec(message).in_file(file).with_help("rename it, or remove `hive`"));
            };
            let keys: Vec<String> = pairs.into_iter().map(|(key, _)| key).collect();
            match &folders {
                Some(first) if *first != keys => {
                    let (has, first_has) = (words(&keys), words(first));
                    let message = format!(
                        "its folders have {has}, and those of `{}` have {first_has}",
                        files[0].path().display()
                    );
                    return Err(IoError::spec(message).in_file(file).with_help("make two inputs of them"));
                }
                Some(_) => {}
                None => folders = Some(keys),
            }
        }
        let folders = folders.unwrap_or_default();
        if spec.hive && folders.is_empty() {
            let message = "`hive` reads columns from folders called `KEY=VALUE`, and there are none in the paths";
            return Err(IoError::spec(message).with_help("remove `hive`"));
        }
        let made = spec.add.iter().map(|(name, _)| name).chain(&folders);
        if let Some(name) = made.into_iter().find(|name| spec.types.contains_key(*name)) {
            let message = format!("`types` names the column `{name}`, which is added and has its type");
            return Err(IoError::spec(message).with_help(format!("remove `{name}` from `types`")));
        }
        Ok(Additions { folders, columns: spec.add.clone() })
    }

    /// How many they are.
    pub(crate) fn count(&self) -> usize {
        self.folders.len() + self.columns.len()
    }

    /// About the bytes that the added columns of one row take.
    pub(crate) fn width(&self, spec: &InputSpec, file: &Path) -> usize {
        let folders = folders_of(spec, file).unwrap_or_default();
        let folders: usize = folders.iter().map(|(_, value)| value.as_ref().map_or(0, String::len) + 4).sum();
        let column = |(_, added): &(String, Added)| match added {
            Added::File => name(spec, file).len() + 4,
            Added::Text(text) => text.len() + 4,
            Added::Line | Added::Integer(_) | Added::Float(_) => 8,
            Added::Boolean(_) => 1,
        };
        folders + self.columns.iter().map(column).sum::<usize>()
    }

    /// The schema of rows with these columns.
    ///
    /// # Errors
    /// A column that is there already.
    pub(crate) fn schema(&self, files: &Schema) -> Result<Schema, IoError> {
        let mut fields: Vec<_> = files.fields().iter().cloned().collect();
        let mut names: HashSet<String> = fields.iter().map(|field| field.name().clone()).collect();
        let folders = self.folders.iter().map(|key| Field::new(key, DataType::Utf8, true));
        let columns = self.columns.iter().map(|(name, added)| Field::new(name, data_type(added), false));
        for field in folders.chain(columns) {
            if !names.insert(field.name().clone()) {
                let message = format!("the column `{}` is there already", field.name());
                let help = "a column that is added has another name than those of the files; for folders' columns, remove `hive`";
                return Err(IoError::spec(message).with_help(help));
            }
            fields.push(Arc::new(field));
        }
        Ok(Schema::new(fields))
    }

    /// Rows of a file, with these columns.
    pub(crate) fn to_rows(
        &self,
        spec: &InputSpec,
        schema: &SchemaRef,
        file: &Path,
        origin: &UInt64Array,
        rows: RecordBatch,
    ) -> RecordBatch {
        if self.folders.is_empty() && self.columns.is_empty() {
            return rows;
        }
        let count = rows.num_rows();
        let text = |value: &str| Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, count))) as ArrayRef;
        let folders = folders_of(spec, file).unwrap_or_default();
        let folders = folders.into_iter().map(|(_, value)| match value {
            Some(value) => text(&value),
            None => new_null_array(&DataType::Utf8, count),
        });
        let columns = self.columns.iter().map(|(_, added)| match added {
            Added::File => text(&name(spec, file)),
            Added::Line => Arc::new(origin.clone()) as ArrayRef,
            Added::Text(value) => text(value),
            Added::Integer(value) => Arc::new(Int64Array::from_value(*value, count)),
            Added::Float(value) => Arc::new(Float64Array::from_value(*value, count)),
            Added::Boolean(value) => Arc::new(BooleanArray::from(vec![*value; count])),
        });
        let all = rows.columns().iter().cloned().chain(folders).chain(columns).collect();
        RecordBatch::try_new(schema.clone(), all).expect("columns are made by the schema")
    }
}

fn data_type(added: &Added) -> DataType {
    match added {
        Added::File | Added::Text(_) => DataType::Utf8,
        Added::Line => DataType::UInt64,
        Added::Integer(_) => DataType::Int64,
        Added::Float(_) => DataType::Float64,
        Added::Boolean(_) => DataType::Boolean,
    }
}

/// A file as a row names it.
fn name(spec: &InputSpec, file: &Path) -> String {
    file.strip_prefix(&spec.base).unwrap_or(file).to_string_lossy().into_owned()
}

/// The keys and values that the names of a file's folders have; null if one of these is no text.
fn folders_of(spec: &InputSpec, file: &Path) -> Option<Vec<(String, Option<String>)>> {
    let folder = file.strip_prefix(&spec.base).unwrap_or(file).parent();
    let mut names: Vec<&OsStr> = Vec::new();
    for part in folder.into_iter().flat_map(Path::components) {
        match part {
            Component::ParentDir => drop(names.pop()),
            part => names.push(part.as_os_str()),
        }
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned());
    let mut pairs = Vec::new();
    for name in names.into_iter().filter(|name| name.as_encoded_bytes().contains(&b'=')) {
        let (key, value) = name.to_str()?.split_once('=')?;
        if key.is_empty() {
            continue;
        }
        let value = if value == NULL { None } else { Some(decoded(value)?) };
        pairs.push((decoded(key)?, value));
    }
    Some(pairs)
}

fn words(keys: &[String]) -> String {
    match keys {
        [] => "no `KEY=VALUE`".to_owned(),
        keys => keys.iter().map(|key| format!("`{key}=…`")).collect::<Vec<_>>().join(", "),
    }
}
