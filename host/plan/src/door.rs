//! Rows that a step does not put out, and by which name another reads them: `quality.dropped`.

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

    /// What a `from` calls this door of `step`: `quality.dropped`.
    pub fn of(self, step: &str) -> String {
        format!("{step}.{}", self.as_str())
    }
}

/// Splits what a `from` names into an input or a step, and the door of the step if it names one. A word behind the dot
/// that is not a door is left where it is: such a name is nobody's, since names have no dot.
pub fn door(from: &str) -> (&str, Option<Door>) {
    let split = from.rsplit_once('.');
    let found = split.and_then(|(step, word)| Some((step, Door::ALL.into_iter().find(|door| door.as_str() == word)?)));
    found.map_or((from, None), |(step, door)| (step, Some(door)))
}

#[cfg(test)]
mod tests {
    use super::{Door, door};

    #[test]
    fn a_name_is_a_step_and_perhaps_its_door() {
        assert_eq!(door("quality"), ("quality", None));
        assert_eq!(door("quality.dropped"), ("quality", Some(Door::Dropped)));
        assert_eq!(door("quality.rejected"), ("quality", Some(Door::Rejected)));
        assert_eq!(door("quality.gone"), ("quality.gone", None));
        assert_eq!(door("a.dropped.rejected"), ("a.dropped", Some(Door::Rejected)));
        assert_eq!(door(""), ("", None));
        assert_eq!(Door::ALL.map(|d| door(&d.of("s")) == ("s", Some(d))), [true; 2]);
    }
}
