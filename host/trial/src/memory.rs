//! Whether linear memory stays flat over many calls.

use callboard_words::sizes::bytes;

/// What a component may grow by in each of the last two thirds of its calls, bytes. One that leaks grows in both; one that makes room once,
/// as collectors of garbage do, grows in one.
const GROWTH: u64 = 256 << 10;

/// Linear memory after each call, bytes.
#[derive(Default)]
pub(crate) struct Memory(Vec<u64>);

impl Memory {
    pub(crate) fn note(&mut self, bytes: u64) {
        self.0.push(bytes);
    }

    /// Figures where it stayed flat, and otherwise how it grew.
    pub(crate) fn verdict(&self) -> Result<String, String> {
        let calls = self.0.len();
        let after = |call: usize| self.0.get(call.saturating_sub(1)).copied().unwrap_or(0);
        let (third, two_thirds, end) = (after(calls / 3), after(calls * 2 / 3), after(calls));
        let figures = format!(
            "{} after {} calls, {} after {}, {} after {calls}",
            bytes(third),
            calls / 3,
            bytes(two_thirds),
            calls * 2 / 3,
            bytes(end)
        );
        match two_thirds > third + GROWTH && end > two_thirds + GROWTH {
            true => Err(format!("it grows: {figures}; 256 KiB in each of the last two thirds are allowed")),
            false => Ok(figures),
        }
    }
}
#[cfg(test)]
mod tests {
    use super::Memory;

    fn memory(of: impl Fn(u64) -> u64) -> Memory {
        let mut memory = Memory::default();
        (0..300).for_each(|call| memory.note(of(call)));
        memory
    }

    #[test]
    fn a_leak_grows_to_the_end_and_a_collector_grows_once() {
        assert!(memory(|_| 5 << 20).verdict().is_ok());
        assert!(memory(|call| if call < 150 { 1 << 20 } else { 9 << 20 }).verdict().is_ok());
        let leak = memory(|call| (1 << 20) + call * (20 << 10)).verdict().unwrap_err();
        assert!(leak.contains("2.9 MiB after 100 calls, 4.9 MiB after 200, 6.8 MiB after 300"), "{leak}");
    }
}
