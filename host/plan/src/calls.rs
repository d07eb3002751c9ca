//! What requests to one server may take together: `[calls."HOST"]`. None of it decides what a step puts out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::grants::HttpGrant;

/// The limits of requests, by server: `api.example.org`, or `localhost:8080` for one port of it.
pub type Calls = BTreeMap<String, CallLimits>;

/// Requests in flight to a server for which the pipeline says nothing.
const AT_ONCE: u32 = 64;
/// Repetitions of a request to such a server.
const RETRY: u32 = 4;

/// What all requests to one server may take together, in all steps and instances of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallLimits {
    /// Requests in flight.
    pub at_once: u32,
    /// Requests over a time, if that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Tokens over a time, those of requests and of replies, if that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Rate>,
    /// Repetitions of a request that failed for a passing reason.
    pub retry: u32,
    /// JSON pointers to the numbers of tokens in a reply, if they are not where OpenAI and Anthropic have them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What a token costs, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// The most that a run may cost, in [`PARTS`]: it stops before it exceeds that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<u64>,
    /// Whether replies are kept, and not asked for again.
    pub journal: bool,
    /// Whether requests are sent one by one, or together as offline batches.
    #[serde(default, skip_serializing_if = "Mode::is_online")]
    pub mode: Mode,
}

/// How a server is given the requests of transforms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Each by itself, as soon as it may be sent.
    #[default]
    Online,
    /// Together, in offline batches: the run ends, and continues when the server has worked on them.
    Batch,
}

impl Mode {
    /// The values that a pipeline file may have.
    pub(crate) const NAMES: [&str; 2] = ["online", "batch"];

    pub(crate) fn read(text: &str) -> Option<Self> {
        match text {
            "online" => Some(Self::Online),
            "batch" => Some(Self::Batch),
            _ => None,
        }
    }

    fn is_online(&self) -> bool {
        *self == Self::Online
    }
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            at_once: AT_ONCE,
            rate: None,
            tokens: None,
            retry: RETRY,
            usage: None,
            price: None,
            max_cost: None,
            journal: true,
            mode: Mode::Online,
        }
    }
}

/// The parts of a unit of money in which costs are counted: a cost is exact, whatever the number of tokens.
pub const PARTS: u64 = 1_000_000_000_000;

/// An amount over a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// How much.
    pub amount: u64,
    /// In how many seconds.
    pub seconds: u64,
}

impl Rate {
    /// Reads `500/min`, `200k/min`, `50/s`.
    pub fn read(text: &str) -> Option<Self> {
        let (amount, unit) = text.split_once('/')?;
        let seconds = match unit.trim() {
            "s" => 1,
            "min" => 60,
            "h" => 3600,
            "day" => 86_400,
            _ => return None,
        };
        let amount = parts(amount.trim(), 1)?;
        (amount > 0).then_some(Self { amount, seconds })
    }

    /// In one second.
    pub fn a_second(&self) -> f64 {
        self.amount as f64 / self.seconds as f64
    }
}

/// What tokens cost, in [`PARTS`] each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// A token of a request.
    pub input: u64,
    /// A token of a reply.
    pub output: u64,
    /// What a token of an offline batch costs of that, in thousandths, if it is not the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
}

impl Price {
    /// Reads `0.15/M` (for a million), `0.15/k`, `0.15/1`.
    pub fn read(text: &str) -> Option<u64> {
        let (amount, unit) = text.split_once('/')?;
        let tokens = match unit.trim() {
            "M" => 1_000_000,
            "k" => 1000,
            "1" => 1,
            _ => return None,
        };
        parts(amount.trim(), PARTS / tokens)
    }

    /// Reads `0.5`, the part of the price that tokens of an offline batch cost, in thousandths.
    pub(crate) fn read_batch(text: &str) -> Option<u32> {
        parts(text.trim(), 1000).and_then(|part| u32::try_from(part).ok()).filter(|part| *part <= 1000)
    }

    /// What this many tokens cost.
    pub fn of(&self, input: u64, output: u64) -> u64 {
        self.input.saturating_mul(input).saturating_add(self.output.saturating_mul(output))
    }

    /// What this many tokens cost in an offline batch.
    pub fn of_batch(&self, input: u64, output: u64) -> u64 {
        let cost = u128::from(self.of(input, output)) * u128::from(self.batch.unwrap_or(1000)) / 1000;
        u64::try_from(cost).unwrap_or(u64::MAX)
    }
}

/// Reads an amount of money, such as `20` or `0.5`, in [`PARTS`].
pub(crate) fn money(text: &str) -> Option<u64> {
    parts(text.trim(), PARTS)
}

/// Where the numbers of tokens stand in a reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// A JSON pointer to the tokens of the request.
    pub input: String,
    /// A JSON pointer to the tokens of the reply.
    pub output: String,
}

/// A decimal number, with `k` or `M` behind it perhaps, in parts of which `unit` make one. `None` if it is not exactly that many.
fn parts(text: &str, unit: u64) -> Option<u64> {
    let (number, scale) = match text.strip_suffix('k') {
        Some(number) => (number, 1000),
        None => text.strip_suffix('M').map_or((text, 1), |number| (number, 1_000_000)),
    };
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(decimals) || decimals.len() > 18 || number.ends_with('.') {
        return None;
    }
    let ten = 10u128.pow(decimals.len() as u32);
    let digits: u128 = format!("{whole}{decimals}").parse().ok()?;
    let all = digits.checked_mul(u128::from(unit))?.checked_mul(scale)?;
    if all % ten == 0 { u64::try_from(all / ten).ok() } else { None }
}

/// Whether these limits are for the server that a grant names.
pub(crate) fn is_for(server: &str, grant: &HttpGrant) -> bool {
    let port = grant.port.unwrap_or(if grant.scheme == "https" { 443 } else { 80 });
    server == grant.host || server == format!("{}:{port}", grant.host)
}

/// The limits of a server among these: those of its host and port, else those of its host, else the usual ones.
pub fn limits_of<'a>(calls: &'a Calls, host: &str, port: u16) -> (String, std::borrow::Cow<'a, CallLimits>) {
    let whole = format!("{host}:{port}");
    match (calls.get(&whole), calls.get(host)) {
        (Some(limits), _) => (whole, std::borrow::Cow::Borrowed(limits)),
        (None, Some(limits)) => (host.to_owned(), std::borrow::Cow::Borrowed(limits)),
        (None, None) => (whole, std::borrow::Cow::Owned(CallLimits::default())),
    }
}

#[cfg(test)]
mod tests {
    use super::{PARTS, Price, Rate, money};

    #[test]
    fn rates_prices_and_money_are_read_exactly_or_not_at_all() {
        assert_eq!(Rate::read("500/min"), Some(Rate { amount: 500, seconds: 60 }));
        assert_eq!(Rate::read("1.5k/min"), Some(Rate { amount: 1500, seconds: 60 }));
        assert_eq!(Rate::read("2M/day"), Some(Rate { amount: 2_000_000, seconds: 86_400 }));
        for wrong in
            ["500", "500/fortnight", "0/s", "-1/s", "0.5/s", "/s", "1./s", "1e3/s", "k/s", "99999999999999999999/s"]
        {
            assert_eq!(Rate::read(wrong), None, "{wrong}");
        }
        assert_eq!(Price::read("0.15/M"), Some(150_000));
        assert_eq!(Price::read("2/k"), Some(PARTS / 500));
        assert_eq!(Price::read("0.15"), None);
        assert_eq!(money("20"), Some(20 * PARTS));
        assert_eq!(money("0.5"), Some(PARTS / 2));
        assert_eq!(money("$20"), None);
        assert_eq!((Price::read_batch("0.5"), Price::read_batch("1")), (Some(500), Some(1000)));
        assert_eq!((Price::read_batch("1.5"), Price::read_batch("0.0005")), (None, None));
        let price = Price { input: 150_000, output: 600_000, batch: Some(500) };
        assert_eq!(price.of_batch(1_000_000, 2_000_000), PARTS * 135 / 200);
        assert_eq!(price.of(1_000_000, 2_000_000), PARTS * 135 / 100);
        assert_eq!(price.of(u64::MAX, u64::MAX), u64::MAX);
    }
}
