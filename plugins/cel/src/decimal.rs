//! Decimals of any size, exact.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};

use num_bigint::{BigInt, Sign};

/// `digits` / 10^`scale`.
#[derive(Clone, Debug)]
pub(crate) struct Decimal {
    digits: BigInt,
    scale: i32,
}

/// How many digits a text may have, and how far its point may be from them.
const LONGEST: usize = 400;

impl Decimal {
    /// From a column: a number in two's complement, the least significant byte first.
    pub(crate) fn of_bytes(bytes: &[u8], scale: i32) -> Self {
        Decimal { digits: BigInt::from_signed_bytes_le(bytes), scale }
    }

    /// `-12.30`, `1e-3`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let unsigned = whole.strip_prefix(['-', '+']).unwrap_or(whole);
        let count = unsigned.len() + fraction.len();
        let is_number = unsigned.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        if !is_number || !(1..=LONGEST).contains(&count) || exponent.unsigned_abs() as usize > LONGEST {
            return None;
        }
        let digits = format!("{whole}{fraction}").parse().ok()?;
        Some(Decimal { digits, scale: fraction.len() as i32 - exponent })
    }

    /// The value of this number exactly, if it is finite.
    pub(crate) fn of_float(float: f64) -> Option<Self> {
        let (digits, exponent) = parts(float)?;
        // m / 2^e = m * 5^e / 10^e
        Some(match exponent {
            0.. => Decimal { digits: digits << exponent, scale: 0 },
            _ => Decimal { digits: digits * BigInt::from(5).pow(exponent.unsigned_abs()), scale: -exponent },
        })
    }

    /// Compared with a number exactly; `None` for NaN.
    pub(crate) fn cmp_float(&self, float: f64) -> Option<Ordering> {
        match Decimal::of_float(float) {
            Some(float) => Some(self.cmp(&float)),
            None => 0.0_f64.partial_cmp(&float),
        }
    }

    /// The nearest number.
    pub(crate) fn to_float(&self) -> f64 {
        format!("{}e{}", self.digits, -self.scale).parse().unwrap_or(f64::NAN)
    }

    /// The integer below or at this times 10^`scale`, and whether it is that exactly.
    pub(crate) fn floor(&self, scale: i32) -> (BigInt, bool) {
        let more = scale - self.scale;
        if more >= 0 {
            return (&self.digits * ten(more), true);
        }
        let unit = ten(-more);
        let (mut whole, rest) = (&self.digits / &unit, &self.digits % &unit);
        if rest.sign() == Sign::Minus {
            whole -= 1;
        }
        (whole, rest.sign() == Sign::NoSign)
    }

    /// Both numbers' digits at the larger of their scales.
    fn aligned<'a>(&'a self, other: &'a Decimal) -> (BigInt, BigInt, i32) {
        let scale = self.scale.max(other.scale);
        (&self.digits * ten(scale - self.scale), &other.digits * ten(scale - other.scale), scale)
    }
}

/// A finite number as `m` * 2^`e`.
fn parts(float: f64) -> Option<(BigInt, i32)> {
    if !float.is_finite() {
        return None;
    }
    let bits = float.to_bits();
    let (exponent, fraction) = ((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1));
    let (digits, exponent) = match exponent {
        0 => (fraction, -1074),
        _ => (fraction | 1 << 52, exponent - 1075),
    };
    // As few digits as there can be.
    let even = digits.trailing_zeros().min(52);
    let digits = BigInt::from(digits >> even);
    Some((if float.is_sign_negative() { -digits } else { digits }, exponent + even as i32))
}

fn ten(power: i32) -> BigInt {
    BigInt::from(10).pow(power.unsigned_abs())
}

impl From<i128> for Decimal {
    fn from(integer: i128) -> Self {
        Decimal { digits: integer.into(), scale: 0 }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.scale == other.scale {
            return self.digits.cmp(&other.digits);
        }
        let (left, right, _) = self.aligned(other);
        left.cmp(&right)
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal {}

impl Neg for Decimal {
    type Output = Decimal;
    fn neg(self) -> Decimal {
        Decimal { digits: -self.digits, scale: self.scale }
    }
}

impl Add for &Decimal {
    type Output = Decimal;
    fn add(self, other: &Decimal) -> Decimal {
        let (left, right, scale) = self.aligned(other);
        Decimal { digits: left + right, scale }
    }
}

impl Sub for &Decimal {
    type Output = Decimal;
    fn sub(self, other: &Decimal) -> Decimal {
        let (left, right, scale) = self.aligned(other);
        Decimal { digits: left - right, scale }
    }
}

impl Mul for &Decimal {
    type Output = Decimal;
    fn mul(self, other: &Decimal) -> Decimal {
        Decimal { digits: &self.digits * &other.digits, scale: self.scale + other.scale }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale <= 0 {
            return write!(f, "{}", &self.digits * ten(self.scale));
        }
        let (scale, digits) = (self.scale as usize, self.digits.magnitude().to_string());
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let minus = if self.digits.sign() == Sign::Minus { "-" } else { "" };
        write!(f, "{minus}{whole}.{fraction}")
    }
}
