//! Any bytes are a step, or are told to be something else.

use callboard_plan::scan;

/// Scans the bytes.
pub fn fuzz(bytes: &[u8]) {
    match scan(bytes) {
        Ok(facts) => {
            assert_eq!(facts.size, bytes.len() as u64);
            assert!(["0.1.", "0.2."].iter().any(|line| facts.contract.starts_with(line)), "{facts:?}");
            // Every name stands in the bytes, so they bound what is told.
            assert!(facts.imports.iter().map(String::len).sum::<usize>() <= bytes.len());
        }
        Err(error) => {
            assert!(!error.to_string().is_empty() && !error.help().is_empty());
            assert!(error.to_string().len() <= 4096 + 8 * bytes.len(), "{error}");
        }
    }
}
