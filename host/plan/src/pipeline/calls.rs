//! `[calls."HOST"]`, from the tree.

use super::document::{Data, Entry, Node};
use super::fields::{Fields, boolean, integer, table, text};
use super::model::{Located, Step};
use crate::calls::{CallLimits, Calls, Mode, Price, Rate, Usage, is_for, money};
use crate::problem::Findings;
use crate::spelling::{nearest, quoted};

/// The most requests in flight to one server.
const MOST_AT_ONCE: u64 = 100_000;
/// The most repetitions of a request.
const MOST_RETRY: u64 = 100;

/// The table `calls`. Each server must be one that a step may ask.
pub(crate) fn calls(node: &Node, steps: &[Step], findings: &mut Findings) -> Calls {
    let mut calls = Calls::new();
    for Entry { key, key_at, value } in table(node, "`calls`", findings).unwrap_or_default() {
        let granted = || steps.iter().flat_map(|step| &step.grants.http);
        if !granted().any(|grant| is_for(key, grant)) {
            let message = format!("no step is granted requests to `{key}`");
            let hosts: Vec<&str> = granted().map(|grant| grant.host.as_str()).collect();
            let help = match (nearest(key, hosts.iter().copied()), hosts.is_empty()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, true) if key.contains(|c: char| !(c.is_ascii_alphanumeric() || "-.:[]".contains(c))) => {
                    "a server is its host, or `HOST:PORT`: [calls.\"api.openai.com\"]".to_owned()
                }
                (None, true) => format!("grant them to a step: grant.http = [\"POST https://{key}/\"]"),
                (None, false) => format!("a server is its host, or `HOST:PORT`; granted: {}", quoted(hosts)),
            };
            findings.add_with_help(key_at, message, help);
        }
        if let Some(limits) = limits(value, findings) {
            calls.insert(key.clone(), limits);
        }
    }
    calls
}

fn limits(node: &Node, findings: &mut Findings) -> Option<CallLimits> {
    let fields = Fields::of(node, "`calls` of a server", findings)?;
    let usual = CallLimits::default();
    let at_once = fields.get("at_once").and_then(|node| integer(node, "`at_once`", 1, MOST_AT_ONCE, findings));
    let retry = fields.get("retry").and_then(|node| integer(node, "`retry`", 0, MOST_RETRY, findings));
    const A_RATE: &str = "write it as an amount over a time, such as \"500/min\", \"200k/min\" or \"50/s\"";
    let rate = fields.get("rate").and_then(|node| read(node, "`rate`", A_RATE, Rate::read, findings));
    let tokens = fields.get("tokens").and_then(|node| read(node, "`tokens`", A_RATE, Rate::read, findings));
    let usage = fields.get("usage").and_then(|node| usage(node, findings));
    let price = fields.get("price").and_then(|node| price(node, findings));
    const MONEY: &str = "write it as an amount, such as \"20\" or \"0.50\", in the unit of `price`";
    let cost = fields.get("max_cost");
    let max_cost = cost.and_then(|node| match &node.data {
        Data::Number(number) if money(&number.to_string()).is_some() => money(&number.to_string()),
        _ => read(node, "`max_cost`", MONEY, money, findings),
    });
    let journal = fields.get("journal").and_then(|node| boolean(node, "`journal`", findings));
    if let (Some(node), None) = (cost, fields.get("price")) {
        let help = "add `price = { input = \"0.15/M\", output = \"0.60/M\" }`";
        findings.add_with_help(&node.at, "`max_cost` needs a price, and there is none", help);
    }
    let mode = fields.get("mode").and_then(|node| mode(node, findings));
    if let (Some(node), Some(Mode::Batch), Some(false)) = (fields.get("mode"), mode, journal) {
        let message = "replies to offline batches are always kept, and `journal` is false";
        findings.add_with_help(&node.at, message, "take `journal = false` away");
    }
    fields.end(None, findings);
    Some(CallLimits {
        at_once: at_once.map_or(usual.at_once, |number| number as u32),
        rate,
        tokens,
        retry: retry.map_or(usual.retry, |number| number as u32),
        usage,
        price,
        max_cost,
        journal: journal.unwrap_or(usual.journal),
        mode: mode.unwrap_or_default(),
    })
}

fn mode(node: &Node, findings: &mut Findings) -> Option<Mode> {
    let Located { value, at } = text(node, "`mode`", findings)?;
    let mode = Mode::read(&value);
    if mode.is_none() {
        let help = format!("the modes are {}", quoted(Mode::NAMES));
        findings.add_with_help(&at, format!("`mode` is `{}`, which is none", value.escape_debug()), help);
    }
    mode
}

fn price(node: &Node, findings: &mut Findings) -> Option<Price> {
    let fields = Fields::of(node, "`price`", findings)?;
    const A_PRICE: &str = "write it as an amount for a million tokens, such as \"0.15/M\"";
    let mut one = |key, what| {
        let node = fields.get(key);
        node.map_or(Some(0), |node| read(node, what, A_PRICE, Price::read, findings))
    };
    let (input, output) = (one("input", "`input`"), one("output", "`output`"));
    let batch = fields.get("batch").and_then(|node| {
        let part = match &node.data {
            Data::Number(number) => Price::read_batch(&number.to_string()),
            _ => None,
        };
        if part.is_none() {
            let help = "write it as a part of the price, such as 0.5";
            findings.add_with_help(&node.at, "`batch` is not a number from 0 to 1", help);
        }
        part
    });
    fields.end(None, findings);
    Some(Price { input: input?, output: output?, batch })
}

fn usage(node: &Node, findings: &mut Findings) -> Option<Usage> {
    let fields = Fields::of(node, "`usage`", findings)?;
    let input = fields.need("input", "input = \"/usage/prompt_tokens\"", findings);
    let output = fields.need("output", "output = \"/usage/completion_tokens\"", findings);
    let pointer = |node: &Node, what: &str, findings: &mut Findings| {
        let pointer = text(node, what, findings)?;
        if !pointer.starts_with('/') {
            let help = "a JSON pointer begins with `/`, such as \"/usage/prompt_tokens\"";
            findings.add_with_help(&node.at, format!("{what} is `{}`", pointer.value.escape_debug()), help);
        }
        Some(pointer.value)
    };
    let input = input.and_then(|node| pointer(node, "`input`", findings));
    let output = output.and_then(|node| pointer(node, "`output`", findings));
    fields.end(None, findings);
    Some(Usage { input: input?, output: output? })
}

/// A string of this form.
fn read<T>(
    node: &Node,
    what: &str,
    form: &str,
    read: impl Fn(&str) -> Option<T>,
    findings: &mut Findings,
) -> Option<T> {
    if let Data::Number(number) = &node.data {
        findings.add_with_help(&node.at, format!("{what} is the number {number}, not a string"), form);
        return None;
    }
    let Located { value, at } = text(node, what, findings)?;
    let found = read(&value);
    if found.is_none() {
        findings.add_with_help(&at, format!("{what} is `{}`, which cannot be read", value.escape_debug()), form);
    }
    found
}
