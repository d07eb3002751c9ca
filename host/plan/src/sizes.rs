//! Sizes in words.

/// Exact where it can be: "256 MiB", "1500 KiB", "1000 bytes".
pub(crate) fn exact(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.iter().find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    unit.map_or_else(|| format!("{bytes} bytes"), |(shift, unit)| format!("{} {unit}", bytes >> shift))
}

/// As near as a prediction is: "2 GiB", "1231 MiB", "3.8 MiB", "512 KiB".
pub(crate) fn about(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..0x10_0000 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        bytes if bytes.trailing_zeros() >= 20 => exact(bytes),
        0x10_0000..0xa0_0000 => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
        bytes => format!("{} MiB", bytes.div_ceil(1 << 20)),
    }
}

/// At least so much, as a pipeline file has it: "1231MiB".
pub(crate) fn written(bytes: u64) -> String {
    format!("{}MiB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::{about, exact, written};

    #[test]
    fn sizes_read_as_people_write_them() {
        assert_eq!([exact(0), exact(1000), exact(1 << 30)], ["0 bytes", "1000 bytes", "1 GiB"]);
        let sizes = [1000, 1025, (1 << 20) + (4 << 17), 10 << 20, (300 << 20) + 1, 2 << 30].map(about);
        assert_eq!(sizes, ["1000 bytes", "2 KiB", "1.5 MiB", "10 MiB", "301 MiB", "2 GiB"]);
        assert_eq!([written(1), written(300 << 20)], ["1MiB", "300MiB"]);
    }
}
