//! What columns are made of: types, fields, schemas, and the handles that a step resolves from them.

use std::fmt;
use std::marker::PhantomData;

use crate::array::{Array, Kind};
use crate::error::{Result, StepError};
use crate::raw::columns::{self, Batch as RawBatch};

/// The type of a column or of what is nested in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// How values lie in memory.
    pub layout: Layout,
    /// Whether there may be nulls.
    pub nullable: bool,
    /// What the values stand for where the layout does not say it, as Arrow's C data interface writes it: `"tdD"`.
    pub logical: Option<String>,
}

/// How values lie in memory; the closed list of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named after the Arrow layout that it is")]
pub enum Layout {
    Null,
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    Utf8,
    Binary,
    /// Byte strings of one width, in bytes.
    Fixed(u32),
    /// Lists, each of its own length.
    List(Box<Type>),
    /// Lists of one length.
    Vector(Box<Type>, u32),
    Struct(Vec<Field>),
}

impl Type {
    /// This layout, with nulls allowed.
    pub fn new(layout: Layout) -> Self {
        Type { layout, nullable: true, logical: None }
    }

    /// Lists of `items`.
    pub fn list(items: Type) -> Self {
        Type::new(Layout::List(Box::new(items)))
    }

    /// Key and value of a map's entries, if this is a map.
    fn entries(&self) -> Option<&[Field; 2]> {
        let (Some("+m"), Layout::List(entries)) = (self.logical.as_deref(), &self.layout) else { return None };
        let Layout::Struct(members) = &entries.layout else { return None };
        members.as_slice().try_into().ok()
    }

    /// This type without nulls.
    pub fn not_null(mut self) -> Self {
        self.nullable = false;
        self
    }
}

impl From<Layout> for Type {
    fn from(layout: Layout) -> Self {
        Type::new(layout)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(logical) = self.logical.as_deref() else { return self.layout.fmt(f) };
        match (self.entries(), words(logical)) {
            (Some([key, value]), _) => write!(f, "map<{}, {}>", key.ty, value.ty),
            (None, Some(words)) => f.write_str(&words),
            (None, None) => write!(f, "{} ({logical})", self.layout),
        }
    }
}

/// What the code of a logical type means, in the words of Callboard's own messages: `timestamp[us, UTC]`.
fn words(logical: &str) -> Option<String> {
    let unit = |letter: &str| match letter {
        "s" => Some("s"),
        "m" => Some("ms"),
        "u" => Some("us"),
        "n" => Some("ns"),
        _ => None,
    };
    match logical {
        "tdD" => return Some("date".to_owned()),
        "tdm" => return Some("date64".to_owned()),
        "tiM" | "tiD" | "tin" => return Some("interval".to_owned()),
        _ => {}
    }
    if let Some((letter, zone)) = logical.strip_prefix("ts").and_then(|rest| rest.split_once(':')) {
        let unit = unit(letter)?;
        return Some(if zone.is_empty() { format!("timestamp[{unit}]") } else { format!("timestamp[{unit}, {zone}]") });
    }
    if let Some(letter) = logical.strip_prefix("tt") {
        let bits = if matches!(letter, "s" | "m") { 32 } else { 64 };
        return Some(format!("time{bits}[{}]", unit(letter)?));
    }
    if let Some(letter) = logical.strip_prefix("tD") {
        return Some(format!("duration[{}]", unit(letter)?));
    }
    let mut parts = logical.strip_prefix("d:")?.split(',');
    let (precision, scale) = (parts.next()?.parse::<u8>().ok()?, parts.next()?.parse::<i8>().ok()?);
    Some(format!("decimal({precision}, {scale})"))
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Layout::Null => "null",
            Layout::Boolean => "boolean",
            Layout::Int8 => "int8",
            Layout::Int16 => "int16",
            Layout::Int32 => "int32",
            Layout::Int64 => "int64",
            Layout::UInt8 => "uint8",
            Layout::UInt16 => "uint16",
            Layout::UInt32 => "uint32",
            Layout::UInt64 => "uint64",
            Layout::Float32 => "float32",
            Layout::Float64 => "float64",
            Layout::Utf8 => "utf8",
            Layout::Binary => "binary",
            Layout::Fixed(width) => return write!(f, "fixed<{width}>"),
            Layout::List(items) => return write!(f, "list<{items}>"),
            Layout::Vector(items, width) => return write!(f, "vector<{items}, {width}>"),
            Layout::Struct(fields) => {
                f.write_str("struct<")?;
                for (i, field) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{}: {}", field.name, field.ty)?;
                }
                return f.write_str(">");
            }
        };
        f.write_str(name)
    }
}

/// A named type: a column, or a member of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The column's name, never empty.
    pub name: String,
    /// The column's type.
    pub ty: Type,
}

macro_rules! fields {
    ($($method:ident $layout:ident),* $(,)?) => {$(
        #[doc = concat!("A column of ", stringify!($method), ", nulls allowed.")]
        pub fn $method(name: impl Into<String>) -> Self {
            Field::new(name, Layout::$layout)
        }
    )*};
}

impl Field {
    /// A column of this type or layout; a layout allows nulls.
    pub fn new(name: impl Into<String>, ty: impl Into<Type>) -> Self {
        Field { name: name.into(), ty: ty.into() }
    }

    fields! {
        boolean Boolean, int32 Int32, int64 Int64, uint32 UInt32, uint64 UInt64, float32 Float32, float64 Float64,
        utf8 Utf8, binary Binary,
    }

    /// A column of lists of `items`, nulls allowed.
    pub fn list(name: impl Into<String>, items: impl Into<Type>) -> Self {
        Field::new(name, Type::list(items.into()))
    }

    /// This column without nulls.
    pub fn not_null(mut self) -> Self {
        self.ty.nullable = false;
        self
    }

    /// This column, named otherwise.
    pub fn renamed(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

impl AsRef<str> for Field {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

impl From<&Field> for Field {
    fn from(field: &Field) -> Self {
        field.clone()
    }
}

/// The columns of an input, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    fields: Vec<Field>,
    /// The places of the columns, by their names.
    by_name: Vec<u32>,
    input: usize,
    /// Whether only the columns that are read are left.
    narrowed: bool,
}

macro_rules! handles {
    ($($method:ident $kind:ty, $what:literal);* $(;)?) => {$(
        #[doc = concat!("A handle on the column `name`, which has to be ", $what, ".")]
        pub fn $method(&self, name: impl AsRef<str>) -> Result<Column<$kind>> {
            self.column(name)
        }
    )*};
}

impl Schema {
    /// A schema of these columns, of the first input.
    pub fn new(fields: Vec<Field>) -> Self {
        Schema::with(fields, 0, false)
    }

    fn with(fields: Vec<Field>, input: usize, narrowed: bool) -> Self {
        let mut by_name: Vec<u32> = (0..fields.len() as u32).collect();
        by_name.sort_by(|a, b| fields[*a as usize].name.cmp(&fields[*b as usize].name));
        Schema { fields, by_name, input, narrowed }
    }

    /// The schema at this place among a step's inputs.
    pub(crate) fn of_input(input: usize, batch: &RawBatch, narrowed: bool) -> Self {
        let field = |column: &columns::Column| {
            Field::new(column.name.clone(), Array::new(&batch.arrays, column.values as usize).ty())
        };
        Schema::with(batch.columns.iter().map(field).collect(), input, narrowed)
    }

    /// The schema of the only input of a step that takes one.
    ///
    /// # Errors
    /// `config`, if there are none or several.
    pub fn only(inputs: &[Schema]) -> Result<&Schema> {
        match inputs {
            [only] => Ok(only),
            _ => Err(StepError::config(format!("this step takes 1 input, and is given {}", inputs.len()))),
        }
    }

    /// The schemas of the inputs of a step that takes two.
    ///
    /// # Errors
    /// `config`, if there is another number of them.
    pub fn two(inputs: &[Schema]) -> Result<(&Schema, &Schema)> {
        match inputs {
            [first, second] => Ok((first, second)),
            _ => Err(StepError::config(format!(
                "this step takes 2 inputs, and is given {}: from = {{ rows = \"NAME\", others = \"NAME\" }}",
                inputs.len()
            ))),
        }
    }

    /// The columns, in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The column of this name, if there is one.
    pub fn get(&self, name: &str) -> Option<&Field> {
        let field = |at: &u32| &self.fields[*at as usize];
        let at = self.by_name.binary_search_by(|at| field(at).name.as_str().cmp(name)).ok()?;
        Some(field(&self.by_name[at]))
    }

    /// The column of this name.
    ///
    /// # Errors
    /// `input`, with the columns that there are.
    pub fn field(&self, name: &str) -> Result<&Field> {
        self.get(name).ok_or_else(|| StepError::input(format!("there is no column `{name}`; {}", self.listed())))
    }

    /// A handle on the column `name`, whose type has to fit `K`.
    ///
    /// # Errors
    /// `input`, if there is no such column, or one of another type; with the columns that there are. Where the name comes
    /// from the configuration, say so: `input.utf8(&config.column).at("/column")?`.
    pub fn column<K: Kind + ?Sized>(&self, name: impl AsRef<str>) -> Result<Column<K>> {
        let name = name.as_ref();
        let field = self.field(name)?;
        if K::accepts(&field.ty.layout) {
            return Ok(Column { field: field.clone(), input: self.input, kind: PhantomData });
        }
        let (ty, expected) = (&field.ty, K::NAME);
        Err(StepError::input(format!("column `{name}` is {ty}, and {expected} is expected; {}", self.listed())))
    }

    handles! {
        utf8 str, "utf8";
        binary [u8], "binary or fixed";
        bytes crate::array::Bytes, "utf8, binary or fixed";
        boolean bool, "boolean";
        int32 i32, "int32";
        int64 i64, "int64";
        uint64 u64, "uint64";
        float32 f32, "float32";
        float64 f64, "float64";
        list crate::array::List, "a list or vector";
        structs crate::array::Struct, "a struct";
        any crate::array::Any, "of any type";
    }

    fn listed(&self) -> String {
        let columns: Vec<_> = self.fields.iter().map(|field| format!("`{}` {}", field.name, field.ty)).collect();
        let columns = if columns.is_empty() {
            "there are no columns".to_owned()
        } else {
            format!("the columns are {}", columns.join(", "))
        };
        // A step that found its column when it was checked and forgot to read it.
        let why = ", only those named in `Shape::reads` being left when a step is opened";
        format!("{columns}{}", if self.narrowed { why } else { "" })
    }
}

/// A handle on a column of an input, by name: resolved once from a [`Schema`], used with every batch.
pub struct Column<K: ?Sized> {
    field: Field,
    input: usize,
    kind: PhantomData<fn() -> Box<K>>,
}

impl<K: ?Sized> Column<K> {
    /// The column's name.
    pub fn name(&self) -> &str {
        &self.field.name
    }

    /// The column's name and type.
    pub fn field(&self) -> &Field {
        &self.field
    }

    /// Which of the step's inputs the column belongs to, from 0.
    pub fn input(&self) -> usize {
        self.input
    }
}

impl<K: ?Sized> Clone for Column<K> {
    fn clone(&self) -> Self {
        Column { field: self.field.clone(), input: self.input, kind: PhantomData }
    }
}

impl<K: ?Sized> fmt::Debug for Column<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Column({:?}, {})", self.field.name, self.field.ty)
    }
}

impl<K: ?Sized> AsRef<str> for Column<K> {
    fn as_ref(&self) -> &str {
        &self.field.name
    }
}

impl<K: ?Sized> From<&Column<K>> for Field {
    fn from(column: &Column<K>) -> Self {
        column.field.clone()
    }
}
