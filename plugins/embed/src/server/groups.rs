//! Texts that are asked about in one request.

use xxhash_rust::xxh3::xxh3_64;

/// About one text in this many ends its group, whatever is before it.
const ENDS: u64 = 32;

/// Rows with a text, in groups that are neither too many nor too long.
///
/// Where a group ends depends on its texts: a row that is inserted changes the group that it falls into, and not all behind it, whose replies
/// are known.
pub(crate) fn of(texts: &[Option<String>], most: usize, chars: usize) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let (mut group, mut length) = (Vec::new(), 0);
    for (row, text) in texts.iter().enumerate() {
        let Some(text) = text else { continue };
        let more = text.chars().count();
        if !group.is_empty() && (group.len() == most || length + more > chars) {
            groups.push(std::mem::take(&mut group));
            length = 0;
        }
        group.push(row);
        length += more;
        if xxh3_64(text.as_bytes()).is_multiple_of(ENDS) {
            groups.push(std::mem::take(&mut group));
            length = 0;
        }
    }
    if !group.is_empty() {
        groups.push(group);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::of;

    fn texts(from: usize, to: usize) -> Vec<Option<String>> {
        (from..to).map(|n| Some(format!("text {n}"))).collect()
    }

    #[test]
    fn groups_are_bounded_and_hold_each_text_once() {
        let mut all = texts(0, 500);
        all[7] = None;
        let groups = of(&all, 20, 100);
        assert!(groups.iter().all(|group| group.len() <= 20));
        let chars = |group: &Vec<usize>| group.iter().map(|row| all[*row].as_ref().unwrap().len()).sum::<usize>();
        assert!(groups.iter().all(|group| chars(group) <= 100));
        assert_eq!(groups.concat(), (0..500).filter(|row| *row != 7).collect::<Vec<_>>());
        assert_eq!(of(&texts(0, 2), 20, 1), [[0], [1]], "a text that is too long goes by itself");
        assert!(of(&[None, None], 20, 100).is_empty());
    }

    #[test]
    fn a_row_that_is_inserted_changes_one_group() {
        let known = |texts: &[Option<String>]| -> Vec<Vec<Option<String>>> {
            of(texts, 64, 1 << 20)
                .into_iter()
                .map(|group| group.into_iter().map(|row| texts[row].clone()).collect())
                .collect()
        };
        let before = known(&texts(0, 2000));
        let mut more = texts(0, 2000);
        more.insert(3, Some("new".into()));
        let after = known(&more);
        assert!(before.len() > 40);
        assert!(after.iter().filter(|group| !before.contains(group)).count() <= 3);
    }
}
