//! Numbers of all types, exact, and NaN as IEEE 754 has it.

use callboard_sdk::ArrayBuf;

use super::{kept, refused};

fn column<T>(values: impl IntoIterator<Item = T>) -> ArrayBuf
where
    ArrayBuf: FromIterator<T>,
{
    values.into_iter().collect()
}

#[test]
fn nan_is_equal_to_nothing_and_ends_no_run() {
    let scores = || [("score", column([Some(0.9), Some(f64::NAN), Some(0.1), None, Some(f64::INFINITY), Some(-0.0)]))];
    let cases: &[(&str, &[usize])] = &[
        ("score > 0.5", &[0, 4]),
        ("!(score > 0.5)", &[1, 2, 5]),
        ("score <= 0.5", &[2, 5]),
        ("score == score", &[0, 2, 4, 5]),
        ("score != score", &[1]),
        ("score != 0.9", &[1, 2, 4, 5]),
        ("score in [0.9, 0.1]", &[0, 2]),
        ("!(score in [0.9, 0.1])", &[1, 4, 5]),
        ("isNaN(score)", &[1]),
        ("isFinite(score)", &[0, 2, 5]),
        ("score.isInf()", &[4]),
        ("score == 0.0", &[5]),
        ("score == 0", &[5]),
        ("score >= 0.0", &[0, 2, 4, 5]),
        ("score * 2 > 1", &[0, 4]),
        ("score + 0.0 > 0.5", &[0, 4]),
        ("score > 100000000000000000000.0", &[4]),
        ("score == double(\"NaN\")", &[]),
    ];
    for (condition, rows) in cases {
        assert_eq!(kept(condition, scores()), *rows, "{condition}");
    }
}

#[test]
fn numbers_of_different_types_compare_exactly() {
    let two53 = 9_007_199_254_740_992_i64;
    let columns = || {
        [
            ("n", column([two53, two53 + 1, i64::MAX, i64::MIN])),
            ("u", column([u64::MAX, 9_007_199_254_740_993, 9_223_372_036_854_775_807, 0])),
            (
                "x",
                column([
                    9_007_199_254_740_992.0,
                    9_007_199_254_740_992.0,
                    9_223_372_036_854_775_807.0,
                    -9_223_372_036_854_775_808.0,
                ]),
            ),
            ("f", column([0.1_f32, 0.5, 16_777_216.0, 0.0])),
            ("i", column([1_i8, 2, 16, 0])),
        ]
    };
    let cases: &[(&str, &[usize])] = &[
        ("n == x", &[0, 3]),
        ("n > x", &[1]),
        ("n < x", &[2]),
        ("n == 9007199254740993", &[1]),
        ("n == 9007199254740992.0", &[0]),
        ("n > 9007199254740992.0", &[1, 2]),
        ("x == 9007199254740993", &[]),
        ("x < 9007199254740993", &[0, 1, 3]),
        ("x != 9007199254740993", &[0, 1, 2, 3]),
        ("x > 9007199254740993", &[2]),
        ("u > 9223372036854775807", &[0]),
        ("u == 18446744073709551615", &[0]),
        ("u == 18446744073709551615u", &[0]),
        ("u > -1", &[0, 1, 2, 3]),
        ("u == n", &[1, 2]),
        ("u > n", &[0, 3]),
        ("u == 0.0", &[3]),
        ("u < 0.5", &[3]),
        ("n < 0.5", &[3]),
        ("i == 0.5", &[]),
        ("i != 0.5", &[0, 1, 2, 3]),
        ("i > 1000", &[]),
        ("i < 1000", &[0, 1, 2, 3]),
        // A float32 is what it is, and no double that is written with as few digits.
        ("f == 0.1", &[]),
        ("f > 0.1", &[0, 1, 2]),
        ("f == 0.5", &[1]),
        ("f == i", &[3]),
        ("i * 0.25 == f", &[1, 3]),
        ("n + 1 > n", &[0, 1, 2, 3]),
        ("u - 1 >= 0", &[0, 1, 2]),
        ("i in [1, 2.0, 0x10]", &[0, 1, 2]),
        ("i / 2 == 1", &[1]),
        ("i % 2 == 1", &[0]),
    ];
    for (condition, rows) in cases {
        assert_eq!(kept(condition, columns()), *rows, "{condition}");
    }
}

/// Decimals of a precision and scale, by their digits.
fn decimals(logical: &str, width: usize, digits: &[Option<i128>]) -> ArrayBuf {
    let bytes = |digits: i128| {
        let sign = if digits < 0 { 0xff } else { 0 };
        digits.to_le_bytes().into_iter().chain([sign; 16]).take(width).collect::<Vec<u8>>()
    };
    let values: Vec<Option<Vec<u8>>> = digits.iter().map(|digits| digits.map(bytes)).collect();
    ArrayBuf::fixed(width as u32, values.iter().map(Option::as_deref)).with_logical(Some(logical.into()))
}

#[test]
fn decimals_are_numbers_and_exact() {
    let digits = [Some(1230), Some(1231), Some(-5), None, Some(10)];
    let widths = [("d:9,2,32", 4), ("d:18,2,64", 8), ("d:38,2", 16), ("d:76,2,256", 32)];
    for (logical, width) in widths {
        let columns = || {
            let tenths: Vec<_> = digits.iter().map(|digits| digits.map(|digits| digits * 10)).collect();
            let floats = [12.3, 12.31, -0.05, 1.0, 0.1];
            [
                ("price", decimals(logical, width, &digits)),
                ("other", decimals(&logical.replacen(",2", ",3", 1), width, &tenths)),
                ("x", column(floats)),
            ]
        };
        let cases: &[(&str, &[usize])] = &[
            ("price == 12.30", &[0]),
            ("price == 12.3", &[0]),
            ("price == 12.300000000000000000000000000000001", &[]),
            ("price > 12.300000000000000000000000000000001", &[1]),
            ("price >= 12.3", &[0, 1]),
            ("price != 12.3", &[1, 2, 4]),
            ("price < 0", &[2]),
            ("price > 12", &[0, 1]),
            ("12 < price", &[0, 1]),
            ("price == 0.1", &[4]),
            ("price in [0.10, 12.31]", &[1, 4]),
            ("!(price in [0.10, 12.31])", &[0, 2]),
            ("price == null", &[3]),
            ("price == other", &[0, 1, 2, 4]),
            ("price < other", &[]),
            // The nearest float to 0.1 is no tenth.
            ("price == x", &[]),
            ("double(price) == x", &[0, 1, 2, 4]),
            ("price * 2 == 24.6", &[0]),
            ("price + 0.01 == 12.31", &[0]),
            ("price - other == 0", &[0, 1, 2, 4]),
            ("-price == 0.05", &[2]),
            ("abs(price) < 1", &[2, 4]),
            ("int(price) == 12", &[0, 1]),
            ("int(price) == 0", &[2, 4]),
            ("string(price) == \"12.30\"", &[0]),
            ("string(price) == \"-0.05\"", &[2]),
            ("coalesce(price, 0.1) == 0.1", &[3, 4]),
            ("price > 1e30", &[]),
            ("price > -1e30", &[0, 1, 2, 4]),
            ("price < 1e300", &[0, 1, 2, 4]),
            ("price > decimal(\"12.305\")", &[1]),
        ];
        for (condition, rows) in cases {
            assert_eq!(kept(condition, columns()), *rows, "{condition} of {logical}");
        }
        assert!(refused("price / 2 > 1", columns()).contains("write `double(…)`"));
        assert!(refused("price == \"12.30\"", columns()).contains("write a decimal as a number, `12.30`"));
    }
}

#[test]
fn decimals_of_a_negative_scale_are_thousands() {
    let columns = || [("n", decimals("d:5,-3", 16, &[Some(12), Some(-1)]))];
    assert_eq!(kept("n == 12000", columns()), [0]);
    assert_eq!(kept("n > 11999", columns()), [0]);
    assert_eq!(kept("n < -999.5", columns()), [1]);
    assert_eq!(kept("string(n) == \"12000\"", columns()), [0]);
}
