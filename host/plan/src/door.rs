//! What puts rows out, and by which name a `from` calls it: an input or a step (`quality`), or a door of a step (`quality.dropped`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A way by which rows leave a step without being put out.
///
/// They carry the columns of the step's first input, and behind them `_reason`, `_step`, `_input` and `_file` (strings)
/// and `_line` (uint64).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// Rows that the step left out, as it is meant to.
    Dropped,
    /// Rows that the step could not handle.
    Rejected,
}

impl Door {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Dropped, Self::Rejected];

    /// The word behind the dot.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Rejected => "rejected",
        }
    }
}

/// What puts rows out: an input, a step, or a door of a step.
///
/// It is text where it is written down, in a pipeline file, a plan or a report: `quality`, `quality.dropped`; in a plan also
/// `quality@2`, those of its rows that the second route takes. That is parsed where it is read, and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Feed {
    /// An input or a step.
    pub node: String,
    /// The door of the step, if it is not the rows that the step puts out.
    pub door: Option<Door>,
    /// Which route leads there, if it is not all of these rows: its place in [`Pipeline::routes`](crate::Pipeline), from 1.
    pub branch: Option<u32>,
    /// In a pipeline alone: one of those that `*.dropped` or `*.rejected` stands for, which is left out where the step can have no such row.
    pub every: bool,
}

/// In the place of a step's name, before a door: all steps.
pub(crate) const EVERY: &str = "*";

impl Feed {
    /// The rows of an input, or those that a step puts out.
    pub fn node(name: &str) -> Self {
        Self { node: name.to_owned(), door: None, branch: None, every: false }
    }

    /// A door of a step.
    pub fn door(step: &str, door: Door) -> Self {
        Self { node: step.to_owned(), door: Some(door), branch: None, every: false }
    }

    /// All rows of which a route takes some.
    #[must_use]
    pub fn whole(&self) -> Self {
        Self { branch: None, ..self.clone() }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.node)?;
        if let Some(door) = self.door {
            write!(f, ".{}", door.as_str())?;
        }
        match self.branch {
            None => Ok(()),
            Some(branch) => write!(f, "@{branch}"),
        }
    }
}

/// A word behind the last dot that is no door is left where it is: nothing has such a name, since names have no dot.
impl From<String> for Feed {
    fn from(mut text: String) -> Self {
        // A number that would be written otherwise is no branch, either.
        let branch = text.rsplit_once('@').and_then(|(whole, digits)| {
            let branch: u32 = digits.parse().ok().filter(|branch: &u32| branch.to_string() == digits)?;
            Some((whole.len(), branch))
        });
        if let Some((length, _)) = branch {
            text.truncate(length);
        }
        let split = text.rsplit_once('.');
        let found = split
            .and_then(|(step, word)| Some((step.len(), Door::ALL.into_iter().find(|door| door.as_str() == word)?)));
        if let Some((length, _)) = found {
            text.truncate(length);
        }
        Self { node: text, door: found.map(|(_, door)| door), branch: branch.map(|(_, branch)| branch), every: false }
    }
}

impl From<Feed> for String {
    fn from(feed: Feed) -> Self {
        match (feed.door, feed.branch) {
            (None, None) => feed.node,
            _ => feed.to_string(),
        }
    }
}

/// Whether it is written as this text.
impl PartialEq<str> for Feed {
    fn eq(&self, text: &str) -> bool {
        let rest = text.strip_prefix(self.node.as_str());
        let rest = match self.door {
            None => rest,
            Some(door) => rest.and_then(|rest| rest.strip_prefix('.')?.strip_prefix(door.as_str())),
        };
        match self.branch {
            None => rest == Some(""),
            Some(branch) => {
                let digits =
                    rest.and_then(|rest| rest.strip_prefix('@')).filter(|digits| !digits.starts_with(['0', '+']));
                digits.and_then(|digits| digits.parse().ok()) == Some(branch)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Door, Feed};

    #[test]
    fn a_feed_is_a_node_and_perhaps_its_door() {
        for (text, node, door, branch) in [
            ("quality", "quality", None, None),
            ("quality.dropped", "quality", Some(Door::Dropped), None),
            ("quality.rejected", "quality", Some(Door::Rejected), None),
            ("quality@2", "quality", None, Some(2)),
            ("quality.dropped@10", "quality", Some(Door::Dropped), Some(10)),
            ("quality@02", "quality@02", None, None),
            ("quality@+2", "quality@+2", None, None),
            ("quality@2.dropped", "quality@2", Some(Door::Dropped), None),
            ("quality.gone", "quality.gone", None, None),
            ("a.dropped.rejected", "a.dropped", Some(Door::Rejected), None),
            ("", "", None, None),
        ] {
            let feed = Feed::from(text.to_owned());
            assert_eq!((feed.node.as_str(), feed.door, feed.branch), (node, door, branch), "{text}");
            assert_eq!(feed.to_string(), text);
            assert_eq!(String::from(feed.clone()), text);
            assert!(feed == *text && feed != *"quality.dropped.rejected", "{text}");
            assert_eq!(serde_json::from_str::<Feed>(&serde_json::to_string(&feed).unwrap()).unwrap(), feed);
        }
        assert!(Feed::door("a", Door::Dropped) == *"a.dropped");
        assert!(Feed::door("a", Door::Dropped) != *"a");
    }
}
