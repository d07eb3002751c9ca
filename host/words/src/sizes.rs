//! Sizes in words.

/// A size as people read it: `17 bytes`, `64 MiB`, `1.5 GiB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let Some((at, unit)) = UNITS.iter().enumerate().rfind(|(at, _)| number >> (10 * (at + 1)) > 0) else {
        return format!("{number} bytes");
    };
    let rounded = format!("{:.1}", number as f64 / (1u64 << (10 * (at + 1))) as f64);
    format!("{} {unit}", rounded.trim_end_matches(".0"))
}

/// Exact where it can be: "256 MiB", "1500 KiB", "1000 bytes".
pub fn exact(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.iter().find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    unit.map_or_else(|| format!("{bytes} bytes"), |(shift, unit)| format!("{} {unit}", bytes >> shift))
}

/// As near as a prediction is: "14.5 GiB", "2 GiB", "1231 MiB", "3.8 MiB", "512 KiB".
pub fn about(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..0x10_0000 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        0x2_8000_0000.. if bytes.trailing_zeros() < 30 => self::bytes(bytes),
        bytes if bytes.trailing_zeros() >= 20 => exact(bytes),
        0x10_0000..0xa0_0000 => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
        bytes => format!("{} MiB", bytes.div_ceil(1 << 20)),
    }
}

/// At least this size, as a pipeline file has it: "1231MiB".
pub fn written(bytes: u64) -> String {
    format!("{}MiB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::{about, bytes, exact, written};

    #[test]
    fn a_plan_says_exactly_what_was_decided_and_about_what_was_predicted() {
        assert_eq!([exact(0), exact(1000), exact(1 << 30)], ["0 bytes", "1000 bytes", "1 GiB"]);
        let sizes =
            [1000, 1025, (1 << 20) + (4 << 17), 10 << 20, (300 << 20) + 1, 2 << 30, (14 << 30) + (1 << 29)].map(about);
        assert_eq!(sizes, ["1000 bytes", "2 KiB", "1.5 MiB", "10 MiB", "301 MiB", "2 GiB", "14.5 GiB"]);
        assert_eq!([written(1), written(300 << 20)], ["1MiB", "300MiB"]);
    }

    #[test]
    fn sizes_read_as_people_write_them() {
        let read = [0, 1023, 1024, 1536, 64 << 20, (1 << 30) + (1 << 29), 4 << 40].map(bytes);
        assert_eq!(read, ["0 bytes", "1023 bytes", "1 KiB", "1.5 KiB", "64 MiB", "1.5 GiB", "4 TiB"]);
    }
}
