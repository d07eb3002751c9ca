//! A column of a type that is known only when the step runs, built value by value.

use super::build::{AnyBuilder, Kind, Unwritable};
use super::value::Value;
use crate::array::Array;
use crate::array_buf::ArrayBuf;
use crate::builders::Push;
use crate::error::{Result, StepError};
use crate::types::Type;

/// Builds a column of any type: from [values](Value), or from those of another column.
///
/// ```
/// use callboard_sdk::rows::{ColumnBuilder, Value};
/// use callboard_sdk::{Layout, Type, testing};
///
/// let mut column = ColumnBuilder::new(&Type::new(Layout::Int64));
/// column.push(&Value::Int64(7)).unwrap();
/// column.push_null();
/// assert_eq!(testing::values(&column.finish()), [serde_json::json!(7), serde_json::json!(null)]);
/// ```
pub struct ColumnBuilder(AnyBuilder);

impl ColumnBuilder {
    /// A builder of a column of this type.
    pub fn new(ty: &Type) -> Self {
        ColumnBuilder(AnyBuilder::new(ty, 0))
    }

    /// How many values there are, nulls included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes the values take, those of a list that is not [closed](Self::close) included.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }

    /// Adds a null.
    pub fn push_null(&mut self) {
        self.0.push_null();
    }

    /// Adds a value.
    ///
    /// # Errors
    /// `failed`, if it is not of the column's type.
    pub fn push(&mut self, value: &Value) -> Result<()> {
        self.0.push_value(value).map_err(|error| StepError::failed(error.to_string()))
    }

    /// Adds value `i` of another column, which is of the same type.
    ///
    /// # Errors
    /// `failed`, if the types differ.
    ///
    /// # Panics
    /// If there is no value `i`.
    pub fn push_from(&mut self, array: Array<'_>, i: usize) -> Result<()> {
        self.0.push_from(array, i).map_err(|error| StepError::failed(error.to_string()))
    }

    /// Adds value `i` of a column of the items' type to the last list of a column of lists.
    ///
    /// # Errors
    /// `failed`, if the types differ, or this is no column of lists.
    ///
    /// # Panics
    /// If there is no value `i`.
    pub fn push_item_from(&mut self, array: Array<'_>, i: usize) -> Result<()> {
        match &mut self.0.kind {
            Kind::List(_, items, _) => items.push_from(array, i).map_err(|error| StepError::failed(error.to_string())),
            _ => Err(StepError::failed(format!("{} has no items", self.0.ty.layout))),
        }
    }

    /// Ends a list: the items that were added since the last one are its items. Does nothing for columns of other types.
    pub fn close(&mut self) {
        if let Kind::List(offsets, items, validity) = &mut self.0.kind {
            offsets.push(items.len as u32);
            validity.push_valid();
            self.0.len += 1;
        }
    }

    /// The column.
    pub fn finish(self) -> ArrayBuf {
        self.0.finish()
    }
}

impl AnyBuilder {
    fn push_from(&mut self, array: Array<'_>, i: usize) -> Result<(), Unwritable> {
        use crate::raw::columns::Values as Raw;
        if array.is_null(i) {
            self.push_null();
            return Ok(());
        }
        let child = |id: u32| Array::new(array.arrays, id as usize);
        macro_rules! leaves {
            ($($kind:ident $raw:ident),*; $($other:tt)*) => {
                match (&mut self.kind, &array.raw.values) {
                    $((Kind::$kind(builder), Raw::$raw(values)) => builder.push(values[i]),)*
                    $($other)*
                }
            };
        }
        leaves!(
            Int8 Int8, Int16 Int16, Int32 Int32, Int64 Int64, UInt8 Uint8, UInt16 Uint16, UInt32 Uint32, UInt64 Uint64,
            Float32 Float32, Float64 Float64;
            (Kind::Boolean(builder), Raw::Booleans(bits)) => builder.push(bits[i / 8] >> (i % 8) & 1 == 1),
            (Kind::Utf8(builder), Raw::Utf8(text)) => {
                let value = &text.data[text.offsets[i] as usize..text.offsets[i + 1] as usize];
                builder.push(std::str::from_utf8(value).map_err(|error| Unwritable(format!("text is no UTF-8: {error}")))?);
            }
            (Kind::Binary(_) | Kind::Fixed(..), Raw::Binary(_) | Raw::Fixed(_)) => {
                let bytes = array.view::<[u8]>().map_err(|error| Unwritable(error.message))?;
                return self.push_bytes(bytes.value(i));
            }
            (Kind::List(offsets, items, validity), Raw::Lists(lists)) => {
                for item in lists.offsets[i]..lists.offsets[i + 1] {
                    items.push_from(child(lists.items), item as usize)?;
                }
                offsets.push(items.len as u32);
                validity.push_valid();
            }
            (Kind::Vector(width, items, validity), Raw::Vectors(vectors)) if *width == vectors.width as usize => {
                for item in 0..*width {
                    items.push_from(child(vectors.items), i * *width + item)?;
                }
                validity.push_valid();
            }
            (Kind::Struct(members, validity), Raw::Structs(of)) if members.len() == of.len() => {
                for ((_, member), column) in members.iter_mut().zip(of) {
                    member.push_from(child(column.values), i)?;
                }
                validity.push_valid();
            }
            _ => return Err(self.wrong(&format!("a value of {}", array.ty())))
        );
        self.len += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::batch::Batch;
    use crate::testing::{self, Table};
    use crate::types::{Field, Layout};

    #[test]
    fn values_of_any_type_are_copied() {
        let text = || Type::new(Layout::Utf8);
        let fields = vec![
            Field::int64("n"),
            Field::boolean("b"),
            Field::utf8("t"),
            Field::new("s", Layout::Struct(vec![Field::list("l", text()), Field::float64("x")])),
            Field::new("v", Layout::Vector(Box::new(text()), 2)),
        ];
        let rows = json!([
            { "n": 1, "b": true, "t": "é", "s": { "l": ["a", null], "x": 0.5 }, "v": ["a", "b"] },
            { "n": null, "b": null, "t": null, "s": null, "v": null },
            { "n": -1, "b": false, "t": "", "s": { "l": [], "x": null }, "v": ["", null] },
        ]);
        let batch = testing::batch(Table::new(fields.clone(), rows));
        for field in &fields {
            let array = batch.array(&field.name).unwrap();
            let mut column = ColumnBuilder::new(&field.ty);
            for i in [2, 1, 0, 0] {
                column.push_from(array, i).unwrap();
            }
            let column = column.finish();
            assert_eq!(column.ty().layout, array.ty().layout);
            assert_eq!(testing::values(&column), testing::values(&array.take(&[2, 1, 0, 0])));
        }
        let fixed = Batch::of([("f", ArrayBuf::fixed(2, [Some(&b"ab"[..]), None, Some(b"cd")]))]);
        let mut column = ColumnBuilder::new(&Layout::Fixed(2).into());
        [2, 1].iter().for_each(|i| column.push_from(fixed.array("f").unwrap(), *i).unwrap());
        let copied = Batch::of([("f", column.finish())]);
        let values = copied.array("f").unwrap().view::<[u8]>().unwrap();
        assert_eq!((values.get(0), values.get(1)), (Some(&b"cd"[..]), None));
        let error = ColumnBuilder::new(&fields[0].ty).push_from(batch.array("t").unwrap(), 0).unwrap_err();
        assert_eq!(error.message, "a value of utf8 does not go into int64");
    }

    #[test]
    fn lists_grow_item_by_item() {
        let batch = testing::batch(json!([{ "t": "a" }, { "t": null }, { "t": "b" }]));
        let array = batch.array("t").unwrap();
        let mut column = ColumnBuilder::new(&Type::list(Layout::Utf8.into()));
        for list in [&[0, 1][..], &[], &[2]] {
            list.iter().for_each(|i| column.push_item_from(array, *i).unwrap());
            column.close();
        }
        assert_eq!(column.len(), 3);
        assert_eq!(testing::values(&column.finish()), [json!(["a", null]), json!([]), json!(["b"])]);
    }
}
