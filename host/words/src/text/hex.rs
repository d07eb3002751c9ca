//! Bytes as digits. The build script of `host/cli` has this file too: a dependency there would have everything built a second time.

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
