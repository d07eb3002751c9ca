//! What `hash` does, with SHA-256 in portable code.
//!
//! The step takes it from sha2, which uses the processor's own instructions where these are; WebAssembly has none, so that what a
//! sandbox costs would not be seen.

use callboard_sdk::builders::{Builder, Push, StringBuilder};
use callboard_sdk::raw::columns::{Batch, Values};

use crate::Result;

/// The hashes of a column of text, as `hash` writes them.
///
/// # Errors
///
/// Another column than one of text.
pub fn hashes(batch: &Batch) -> Result<callboard_sdk::ArrayBuf> {
    let [column] = batch.arrays.as_slice() else { return Err("one column of text is expected".to_owned()) };
    let Values::Utf8(text) = &column.values else { return Err("one column of text is expected".to_owned()) };
    let mut hashes = StringBuilder::with_capacities(column.length as usize, column.length as usize * 64);
    for span in text.offsets.windows(2) {
        let hash = hmac_sha256::Hash::hash(&text.data[span[0] as usize..span[1] as usize]);
        let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
        let text: [u8; 64] = std::array::from_fn(|at| digit(hash[at / 2] >> (4 * (1 - at % 2)) & 15));
        hashes.push(str::from_utf8(&text).expect("digits are ASCII"));
    }
    Ok(hashes.finish())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    use callboard_sdk::testing::{NativeTransform, values};
    use serde_json::json;

    use super::*;
    use crate::native::columns::{given, written};

    #[test]
    fn the_hashes_are_those_of_the_step() {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["abc", "", &"long ".repeat(40)]));
        let rows = RecordBatch::try_from_iter([("text", text)]).unwrap();
        let batch = given(&rows, &["text"]).unwrap();
        let portable = values(&hashes(&batch).unwrap());
        let step = NativeTransform::open::<step_hash::Hash>(&json!({}), &given(&rows.slice(0, 0), &["text"]).unwrap());
        let native = written(step.unwrap().process(batch).unwrap().columns).unwrap().remove(0);
        let native: StringArray = native.to_data().into();
        assert!(portable.iter().zip(&native).all(|(ours, theirs)| ours.as_str() == theirs), "{portable:?}");
    }
}
