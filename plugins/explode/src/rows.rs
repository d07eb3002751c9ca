//! Which rows come of which lists.

use std::ops::Range;

/// What comes of some lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    /// For each row put out, the list that it comes from.
    pub(crate) origins: Vec<u32>,
    /// For each row put out, its item, or null for a list without items that is kept.
    pub(crate) items: Vec<Option<u32>>,
    /// The lists that no row comes of.
    pub(crate) without: Vec<usize>,
}

/// Each list is the places of its items; `None` is a null.
pub(crate) fn explode(lists: impl Iterator<Item = Option<Range<usize>>>, keep_empty: bool) -> Rows {
    let mut rows = Rows::default();
    for (list, items) in lists.enumerate() {
        match items {
            Some(items) if !items.is_empty() => {
                rows.origins.extend(std::iter::repeat_n(list as u32, items.len()));
                rows.items.extend(items.map(|item| Some(item as u32)));
            }
            _ if keep_empty => {
                rows.origins.push(list as u32);
                rows.items.push(None);
            }
            _ => rows.without.push(list),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_for_each_item_in_order() {
        let lists = || [Some(0..2), None, Some(2..2), Some(2..3)].into_iter();
        let dropped = Rows { origins: vec![0, 0, 3], items: vec![Some(0), Some(1), Some(2)], without: vec![1, 2] };
        assert_eq!(explode(lists(), false), dropped);
        let kept = explode(lists(), true);
        assert_eq!(kept.origins, [0, 0, 1, 2, 3]);
        assert_eq!(kept.items, [Some(0), Some(1), None, None, Some(2)]);
        assert!(kept.without.is_empty());
    }
}
