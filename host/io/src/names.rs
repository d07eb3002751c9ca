//! Names of columns, found in constant time however many there are.

use std::collections::HashMap;
use std::sync::Arc;

/// Up to this many, comparing one after the other is faster than hashing.
const FEW: usize = 8;

/// Distinct names in an order, and the index of each.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Names {
    list: Vec<Arc<str>>,
    /// An index of all names, once there are more than a few.
    index: HashMap<Arc<str>, usize>,
}

impl Names {
    /// For distinct names; if two are equal, the first is found.
    pub(crate) fn of<'a>(names: impl IntoIterator<Item = &'a String>) -> Names {
        let mut all = Names::default();
        for name in names {
            all.push(name);
        }
        all
    }

    /// All of them, in their order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|name| &**name)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.list.len()
    }

    /// The index of a name. Objects and headers mostly keep the order of the first: `expected` is where it would be then.
    pub(crate) fn find(&self, expected: usize, name: &str) -> Option<usize> {
        count(1);
        if self.list.get(expected).is_some_and(|listed| **listed == *name) {
            return Some(expected);
        }
        if self.list.len() > FEW {
            count(1);
            return self.index.get(name).copied();
        }
        count(self.list.len() as u64);
        self.list.iter().position(|listed| **listed == *name)
    }

    /// Adds a name, which is not there yet; its index.
    pub(crate) fn push(&mut self, name: &str) -> usize {
        count(1);
        let at = self.list.len();
        self.list.push(name.into());
        match at {
            0..FEW => {}
            FEW => {
                // Backwards, so that of equal names the first stays.
                self.index = self.list.iter().cloned().enumerate().rev().map(|(at, name)| (name, at)).collect();
            }
            _ => {
                self.index.entry(self.list[at].clone()).or_insert(at);
            }
        }
        at
    }
}

#[cfg(not(test))]
fn count(_: u64) {}

#[cfg(test)]
use counted::count;
#[cfg(test)]
pub(crate) use counted::counted;

/// What finding names costs, counted by tests.
#[cfg(test)]
mod counted {
    use std::cell::Cell;

    thread_local! {
        static COMPARISONS: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn count(comparisons: u64) {
        COMPARISONS.set(COMPARISONS.get() + comparisons);
    }

    /// The look-ups and comparisons of this thread while `work` ran.
    pub(crate) fn counted(work: impl FnOnce()) -> u64 {
        let before = COMPARISONS.get();
        work();
        COMPARISONS.get() - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_names_are_found_in_the_order_expected_or_any_other() {
        for length in [0, 1, FEW - 1, FEW, FEW + 1, 100] {
            let all: Vec<String> = (0..length).map(|n| format!("n{n}")).collect();
            let names = Names::of(&all);
            assert_eq!(names.len(), length);
            for (at, name) in all.iter().enumerate() {
                assert_eq!((names.find(at, name), names.find(0, name)), (Some(at), Some(at)));
                assert_eq!(names.find(usize::MAX, name), Some(at));
            }
            assert_eq!(names.find(0, "absent"), None);
        }
    }
}
