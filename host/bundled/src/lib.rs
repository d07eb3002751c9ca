//! The steps that come with Callboard: compressed, and each decompressed when it is first used. The command and the Python module carry them.

#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::io::{self, Read};

/// What zstd's frames begin with; a component begins with `\0asm`.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A function that gives the component in a file, decompressed once: with the bundled step that it was compressed against, if any.
macro_rules! carried {
    ($file:literal, $base:expr) => {
        || {
            static BYTES: std::sync::LazyLock<std::borrow::Cow<'static, [u8]>> =
                std::sync::LazyLock::new(|| unpacked(include_bytes!($file), $base));
            &BYTES
        }
    };
}

/// What `callboard steps` shows of a bundled step.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// What a pipeline calls it.
    pub name: &'static str,
    /// What it does, in a phrase.
    pub summary: &'static str,
    /// The bundled component whose configuration is that of the step: its own, or the first of its pipeline.
    pub described_by: &'static str,
    /// Its `example.json`: `config`, `rows`, and what comes `out`.
    pub example: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// A component, decompressed if it is compressed. A damaged binary gives no bytes, which no one takes for a component.
fn unpacked(bytes: &'static [u8], base: Option<&str>) -> Cow<'static, [u8]> {
    match bytes.starts_with(&ZSTD) {
        true => Cow::Owned(decompressed(bytes, base).unwrap_or_default()),
        false => Cow::Borrowed(bytes),
    }
}

fn decompressed(bytes: &[u8], base: Option<&str>) -> io::Result<Vec<u8>> {
    let base = base.and_then(|base| BUNDLED.iter().find(|step| step.name == base)?.bytes);
    let mut component = Vec::new();
    zstd::Decoder::with_ref_prefix(bytes, base.map_or(&[][..], |base| base()))?.read_to_end(&mut component)?;
    Ok(component)
}

#[cfg(test)]
mod tests {
    use callboard_words::text::hex;
    use sha2::{Digest, Sha256};

    #[test]
    fn bundled_steps_have_their_digests() {
        let built = super::BUNDLED.iter().filter_map(|step| Some((step, step.bytes?)));
        for (step, bytes) in built {
            assert_eq!(step.digest, hex(&Sha256::digest(bytes())), "{}", step.name);
        }
    }
}
