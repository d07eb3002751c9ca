//! `from`: the names of what rows come from, and which of its rows.

use std::cell::RefCell;
use std::collections::HashSet;

use super::document::{Data, Entry, Node};
use super::fields::{Fields, boolean, choice, integer, text, texts, wrong_type};
use super::model::{From, Located};
use crate::door::Feed;
use crate::problem::{At, Findings};
use crate::route::{Else, MOST_BRANCHES, Route, Share};
use crate::zip::{Absent, Same, Zipping};

/// What a zip may say.
const ZIP: [&str; 3] = ["zip", "same", "absent"];
/// What a table of `from` has beside `step`, if it says which rows of that step it takes.
const ROUTING: [&str; 6] = ["where", "one_of", "pick", "seed", "by", "else"];

/// The routes of a pipeline, as they are found.
pub(super) type Routes = RefCell<Vec<Located<Route>>>;

/// Where the rows of a step or, unless several inputs may be `named`, of an output come from.
pub(super) fn from(node: &Node, named: bool, routes: &Routes, findings: &mut Findings) -> Option<From> {
    match &node.data {
        Data::Table(_) if is_zip(node) => zip(node, routes, findings),
        Data::Table(_) if is_route(node) => feeds(node, "`from`", routes, findings).map(From::Append),
        Data::Table(_) if !named => {
            let message = "an output has one input";
            findings.add_with_help(&node.at, message, "append with `from = [\"a\", \"b\"]`");
            None
        }
        Data::Table(entries) if entries.is_empty() => {
            findings.add(&node.at, "`from` is an empty table");
            None
        }
        Data::Table(entries) => {
            let port = |entry: &Entry| {
                let port = Located { value: entry.key.clone(), at: entry.key_at.clone() };
                let feeds = feeds(&entry.value, &format!("`{}` in `from`", entry.key), routes, findings)?;
                Some((port, feeds))
            };
            Some(From::Named(entries.iter().filter_map(port).collect()))
        }
        Data::Text(_) | Data::List(_) => feeds(node, "`from`", routes, findings).map(From::Append),
        other => {
            let expected =
                if named { "a name, a list of names or a table of them" } else { "a name or a list of names" };
            wrong_type(node, "`from`", other, expected, findings)
        }
    }
}

/// Names, or tables that say which rows of one. That there is such a thing is checked when all names are known.
fn feeds(node: &Node, what: &str, routes: &Routes, findings: &mut Findings) -> Option<Vec<Located<Feed>>> {
    match &node.data {
        Data::Table(_) if is_route(node) => Some(vec![route(node, routes, findings)?]),
        Data::Table(_) if is_zip(node) => {
            refuse_zip(node, findings);
            None
        }
        Data::List(items) if items.iter().any(is_zip) => {
            items.iter().filter(|item| is_zip(item)).for_each(|zip| refuse_zip(zip, findings));
            None
        }
        Data::List(items) if items.iter().any(is_route) => {
            let what = format!("a member of {what}");
            let feed = |item: &Node| match is_route(item) {
                true => route(item, routes, findings),
                false => text(item, &what, findings).map(name),
            };
            items.iter().map(feed).collect()
        }
        _ => Some(texts(node, what, findings)?.into_iter().map(name).collect()),
    }
}

/// Whether it is a zip, and not a table of named inputs of which one is called so.
fn is_zip(node: &Node) -> bool {
    let Data::Table(entries) = &node.data else { return false };
    match node.get("zip").map(|zip| &zip.data) {
        None => false,
        Some(Data::List(_) | Data::Table(_)) => true,
        Some(_) => entries.iter().all(|entry| ZIP.contains(&entry.key.as_str())),
    }
}

fn refuse_zip(node: &Node, findings: &mut Findings) {
    let message =
        "a zip is all that a step or an output reads: it cannot be appended, zipped again or be one of several inputs";
    let help = "let a step read the zip, and name that step here:\n[[steps]]\nname = \"zipped\"\nuse = \"select\"\nfrom = { zip = [\"a\", \"b\"] }";
    findings.add_with_help(&node.at, message, help);
}

/// `{ zip = ["notus", "gemma"], same = "list" }`, `{ zip = { left = "a", right = { step = "b", where = "…" } }, same = "suffix" }`.
fn zip(node: &Node, routes: &Routes, findings: &mut Findings) -> Option<From> {
    let fields = Fields::of(node, "a zip", findings)?;
    let branches = fields.get("zip");
    let same = fields.get("same").map(|node| {
        let choices = [("list", Same::List), ("suffix", Same::Suffix)];
        (node, choice(node, "`same`", &choices, findings))
    });
    let absent = fields.get("absent").map(|node| {
        let choices = [("null", Absent::Null), ("skip", Absent::Skip)];
        (node, choice(node, "`absent`", &choices, findings))
    });
    fields.end(Some(|key| format!("`{key}` belongs into a table of its own: zip = {{ {key} = \"STEP\" }}")), findings);
    let branches = branches?;
    let branch = |node: &Node, what: &str, findings: &mut Findings| match &node.data {
        Data::Table(_) if is_zip(node) => {
            refuse_zip(node, findings);
            None
        }
        Data::Table(_) => route(node, routes, findings),
        _ => text(node, what, findings).map(name),
    };
    let mut feeds: Vec<Located<Feed>> = Vec::new();
    let mut names: Vec<(String, At)> = Vec::new();
    match &branches.data {
        Data::List(items) => {
            for item in items {
                let feed = branch(item, "a member of `zip`", findings)?;
                names.push((feed.whole().to_string().replace('.', "_"), item.at.clone()));
                feeds.push(feed);
            }
        }
        Data::Table(entries) => {
            for Entry { key, key_at, value } in entries {
                feeds.push(branch(value, &format!("`{key}` in `zip`"), findings)?);
                names.push((key.clone(), key_at.clone()));
            }
        }
        other => return wrong_type(branches, "`zip`", other, "a list of names, or a table of them", findings),
    }
    if feeds.len() < 2 {
        let message = format!("a zip joins rows of several branches, and names {}", feeds.len());
        findings.add_with_help(&branches.at, message, "such as: from = { zip = [\"a\", \"b\"] }");
    }
    let mut seen: HashSet<&str> = HashSet::new();
    for (name, at) in &names {
        if !seen.insert(name) {
            let message = format!("two branches of a zip are called `{name}`");
            findings.add_with_help(
                at,
                message,
                "call them by names of your own: zip = { first = \"…\", second = \"…\" }",
            );
        }
    }
    let mut all: HashSet<&Feed> = HashSet::new();
    for feed in &feeds {
        if !all.insert(&feed.value) {
            let message = format!("a zip names `{}` twice", feed.whole());
            findings.add_with_help(&feed.at, message, "a branch is joined with itself already: name it once");
        }
    }
    if let (Some((node, Some(Absent::Skip))), false) = (&absent, matches!(same, Some((_, Some(Same::List))))) {
        let message = "`absent` says what stands in a list for a branch without the row, and there is no list";
        findings.add_with_help(&node.at, message, "write `same = \"list\"` as well, or remove `absent`");
    }
    let zipping = Zipping {
        names: names.into_iter().map(|(name, _)| name).collect(),
        same: same.and_then(|(_, same)| same),
        absent: absent.and_then(|(_, absent)| absent).unwrap_or_default(),
    };
    Some(From::Zip(feeds, Located { value: zipping, at: node.at.clone() }))
}

/// What a text names; no text names a branch.
fn name(Located { value, at }: Located<String>) -> Located<Feed> {
    let value = match Feed::from(value) {
        branch @ Feed { branch: Some(_), .. } => Feed::node(&branch.to_string()),
        whole => whole,
    };
    Located { value, at }
}

fn is_route(node: &Node) -> bool {
    node.get("step").is_some() && ROUTING.iter().any(|key| node.get(key).is_some())
}

/// `{ step = "lang", where = "…" }`, `{ step = "data", one_of = 6, pick = 3, seed = 1 }`, `{ step = "lang", else = true }`.
fn route(node: &Node, routes: &Routes, findings: &mut Findings) -> Option<Located<Feed>> {
    let fields = Fields::of(node, "a route", findings)?;
    let step = fields.get("step").and_then(|node| text(node, "`step`", findings)).map(name);
    let condition = fields.get("where");
    let one_of = fields.get("one_of");
    let (pick, seed, by) = (fields.get("pick"), fields.get("seed"), fields.get("by"));
    let rest = fields.get("else");
    fields.end(None, findings);
    let aside = [("pick", pick), ("seed", seed), ("by", by)];
    let route = match (condition, one_of, rest) {
        (Some(condition), None, None) => Some(Route::Where(text(condition, "`where`", findings)?.value)),
        (None, Some(one_of), None) => {
            let one_of = integer(one_of, "`one_of`", 2, MOST_BRANCHES, findings)?;
            let pick = pick.map_or(Some(1), |node| integer(node, "`pick`", 1, one_of, findings))?;
            let seed = seed.map_or(Some(0), |node| integer(node, "`seed`", 0, u64::MAX, findings))?;
            let by = by.map_or(Some(Vec::new()), |node| texts(node, "`by`", findings))?;
            let by = by.into_iter().map(|column| column.value).collect();
            // Which of them it is, is known when all of them are.
            Some(Route::Share(Share { nth: 0, one_of: one_of as u32, pick: pick as u32, seed, by }))
        }
        (None, None, Some(rest)) => match boolean(rest, "`else`", findings)? {
            true => Some(Route::Else(Else {})),
            false => {
                findings.add_with_help(&rest.at, "`else` is false", "write `else = true`, or name the step alone");
                return None;
            }
        },
        _ => None,
    };
    let Some(route) = route else {
        let message = "a route says one of `where`, `one_of` and `else`";
        findings.add_with_help(&node.at, message, "such as: from = { step = \"lang\", where = 'language == \"no\"' }");
        return None;
    };
    if !matches!(route, Route::Share(_))
        && let Some((key, Some(given))) = aside.into_iter().find(|(_, given)| given.is_some())
    {
        let message = format!("`{key}` is for rows that are shared out to branches");
        findings.add_with_help(&given.at, message, "remove it, or write `one_of` with the number of branches");
    }
    let mut step = step?;
    let mut routes = routes.borrow_mut();
    routes.push(Located { value: route, at: node.at.clone() });
    step.value.branch = u32::try_from(routes.len()).ok();
    step.at = node.at.clone();
    Some(step)
}
