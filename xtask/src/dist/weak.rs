//! Makes the native module one that also a program without Python can load: the names that only Python has become weak. Where Python loads it,
//! it finds them as before; elsewhere they are zero, and nothing of the command uses them.
//!
//! A linker does not do this: it takes a name as weak only if every object that uses it does.

use crate::Result;

/// Section headers of this type list the names that are looked up when a library is loaded.
const DYNAMIC_SYMBOLS: u32 = 11;
/// An entry of such a list, in bytes.
const SYMBOL: usize = 24;
/// The bindings of names, in the upper half of a byte.
const GLOBAL: u8 = 1;
const WEAK: u8 = 2;

/// Changes a module for x86-64; returns how many names it made weak.
pub(super) fn weaken(module: &mut [u8]) -> Result<usize> {
    let broken = || "the native module is no library for x86-64 with names".to_owned();
    if module.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Err(broken());
    }
    let (headers, size) = (number(module, 0x28, 8), number(module, 0x3a, 2));
    let count = number(module, 0x3c, 2);
    let header = |nth: usize| Some(headers? + nth * size?);
    // Where the section lies, and its length.
    let place = |header: usize| Some((number(module, header + 0x18, 8)?, number(module, header + 0x20, 8)?));
    let found = (0..count.unwrap_or(0))
        .filter_map(header)
        .find(|header| number(module, header + 4, 4) == Some(DYNAMIC_SYMBOLS as usize));
    let found = found.ok_or_else(broken)?;
    let (start, length) = place(found).ok_or_else(broken)?;
    let names = number(module, found + 0x28, 4).and_then(header).and_then(place).ok_or_else(broken)?.0;
    let symbols = (start..start + length).step_by(SYMBOL);
    let pythons = symbols.filter(|symbol| {
        let name = number(module, *symbol, 4).and_then(|name| module.get(names + name..)).unwrap_or_default();
        let is_pythons = name.starts_with(b"Py") || name.starts_with(b"_Py");
        // Names that the module has itself, as that of its start, have a section.
        let is_elsewhere = number(module, symbol + 6, 2) == Some(0);
        is_pythons && is_elsewhere && module.get(symbol + 4).is_some_and(|kind| kind >> 4 == GLOBAL)
    });
    let pythons: Vec<usize> = pythons.collect();
    for symbol in &pythons {
        module[symbol + 4] = WEAK << 4 | module[symbol + 4] & 0xf;
    }
    Ok(pythons.len())
}

/// A little-endian number of `size` bytes.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}
