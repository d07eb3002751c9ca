//! "did you mean …?"

/// Longer names, in bytes, are not compared: that takes the product of their lengths.
const LONGEST: usize = 200;

/// The candidate that `word` is most likely a misspelling of, if any is near.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let longest = word.chars().count().max(lower.chars().count());
            let distance = strsim::damerau_levenshtein(&word, &lower);
            let near = distance <= (longest / 3).max(1) && distance < longest;
            let part = word.len() >= 4 && (lower.contains(&word) || word.contains(&lower));
            (near || part).then_some((!near, distance, candidate))
        })
        .min()
        .map(|(_, _, candidate)| candidate)
}

/// "`a`", "`a` and `b`", "`a`, `b` and `c`".
pub(crate) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// "did you mean `x`?", or else what there is: "steps: `a` and `b`".
pub(crate) fn hint<'a>(
    word: &str,
    there_are: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(near) = nearest(word, candidates.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let names = quoted(candidates);
    (!names.is_empty()).then(|| format!("{there_are}: {names}"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_finger_is_near_and_another_word_is_not() {
        let steps = ["normalise", "exact-dedup", "filter", "from"];
        assert_eq!(nearest("normalize", steps), Some("normalise"));
        assert_eq!(nearest("dedup", steps), Some("exact-dedup"));
        assert_eq!(nearest("form", steps), Some("from"));
        assert_eq!(nearest("FILTER", steps), Some("filter"));
        assert_eq!(nearest("tokenise-words", steps), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
