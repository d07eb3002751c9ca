//! Which rows come of which lists.

use std::ops::Range;

/// What comes of the lists of some rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    /// For each row put out, the row that it comes from.
    pub(crate) origins: Vec<u32>,
    /// For each column of lists, and each row put out, its item; null where the list has none for it.
    pub(crate) items: Vec<Vec<Option<u32>>>,
    /// The rows whose lists have no items.
    pub(crate) without: Vec<usize>,
    /// The rows whose lists have different numbers of items.
    pub(crate) uneven: Vec<usize>,
}

/// What to do where lists have no items, or not the same number of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    /// A row without items is kept once.
    pub(crate) empty: bool,
    /// Shorter lists are filled up with nulls.
    pub(crate) uneven: bool,
}

/// `list(column, row)` is the places of the items; `None` is a null, which has none.
pub(crate) fn explode(
    columns: usize,
    rows: usize,
    list: impl Fn(usize, usize) -> Option<Range<usize>>,
    fill: Fill,
) -> Rows {
    let mut out = Rows { items: vec![Vec::new(); columns], ..Rows::default() };
    let mut lists: Vec<Range<usize>> = Vec::with_capacity(columns);
    for row in 0..rows {
        lists.clear();
        lists.extend((0..columns).map(|column| list(column, row).unwrap_or_default()));
        let longest = lists.iter().map(Range::len).max().unwrap_or_default();
        if !fill.uneven && lists.iter().any(|list| list.len() != longest) {
            out.uneven.push(row);
            continue;
        }
        if longest == 0 && !fill.empty {
            out.without.push(row);
            continue;
        }
        let rows = longest.max(1);
        out.origins.extend(std::iter::repeat_n(row as u32, rows));
        for (items, list) in out.items.iter_mut().zip(&lists) {
            items.extend(list.clone().map(|item| Some(item as u32)));
            items.extend(std::iter::repeat_n(None, rows - list.len()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const DROP: Fill = Fill { empty: false, uneven: false };
    const FILL: Fill = Fill { empty: true, uneven: true };

    #[test]
    fn a_row_for_each_item_in_order() {
        let lists = [Some(0..2), None, Some(2..2), Some(2..3)];
        let list = |_: usize, row: usize| lists[row].clone();
        let dropped = explode(1, 4, list, DROP);
        assert_eq!(dropped.origins, [0, 0, 3]);
        assert_eq!(dropped.items, [[Some(0), Some(1), Some(2)]]);
        assert_eq!((dropped.without, dropped.uneven), (vec![1, 2], vec![]));
        let kept = explode(1, 4, list, FILL);
        assert_eq!(kept.origins, [0, 0, 1, 2, 3]);
        assert_eq!(kept.items, [[Some(0), Some(1), None, None, Some(2)]]);
        assert!(kept.without.is_empty());
    }

    #[test]
    fn lists_side_by_side_have_one_length_or_are_filled_up() {
        let lists = [[Some(0..2), Some(2..3), None, Some(3..3)], [Some(5..7), Some(7..9), Some(9..10), None]];
        let list = |column: usize, row: usize| lists[column][row].clone();
        let strict = explode(2, 4, list, DROP);
        assert_eq!(strict.origins, [0, 0]);
        assert_eq!(strict.items, [[Some(0), Some(1)], [Some(5), Some(6)]]);
        assert_eq!((strict.without, strict.uneven), (vec![3], vec![1, 2]));
        let filled = explode(2, 4, list, FILL);
        assert_eq!(filled.origins, [0, 0, 1, 1, 2, 3]);
        assert_eq!(filled.items[0], [Some(0), Some(1), Some(2), None, None, None]);
        assert_eq!(filled.items[1], [Some(5), Some(6), Some(7), Some(8), Some(9), None]);
    }
}
