//! Hashes of texts and bytes, in lower-case hexadecimal.

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_128;

use super::{Function, Gives, Takes};
use crate::value::Value;

macro_rules! hash {
    ($($name:literal => $hash:ident;)*) => {
        &[$(
            Function { name: $name, takes: &[Takes::Text], gives: Gives::Text, run: |arguments| of(&arguments[0], $hash) },
            Function { name: $name, takes: &[Takes::Bytes], gives: Gives::Text, run: |arguments| of(&arguments[0], $hash) },
        )*]
    };
}

pub(super) const FUNCTIONS: &[Function] = hash! {
    "xxh3" => xxh3;
    "sha256" => sha256;
};

fn of<'a>(value: &Value<'a>, hash: fn(&[u8]) -> Vec<u8>) -> Result<Value<'a>, String> {
    let digest = match value {
        Value::Text(text) => hash(text.as_bytes()),
        Value::Bytes(bytes) => hash(bytes),
        _ => return Ok(Value::Null),
    };
    Ok(Value::text(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

/// The canonical form, which is big-endian.
fn xxh3(bytes: &[u8]) -> Vec<u8> {
    xxh3_128(bytes).to_be_bytes().to_vec()
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}
