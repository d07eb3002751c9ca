//! Languages by whatlang, codes by ISO 639.

use isolang::Language;
use whatlang::{Detector, Lang};

/// A detector among these languages; among all, if there are none.
pub(crate) fn detector(languages: Vec<Lang>) -> Detector {
    if languages.is_empty() { Detector::new() } else { Detector::with_allowlist(languages) }
}

/// The two letters of ISO 639-1, which every language here has.
pub(crate) fn code(language: Lang) -> &'static str {
    match language {
        // ISO 639-1 knows these two by the language that they are the largest part of: Chinese, Persian.
        Lang::Cmn => "zh",
        Lang::Pes => "fa",
        other => Language::from_639_3(other.code()).and_then(|iso| iso.to_639_1()).unwrap_or(other.code()),
    }
}

/// The language of this code, of two letters or (ISO 639-3) of three.
pub(crate) fn language(wanted: &str) -> Option<Lang> {
    Lang::all().iter().copied().find(|&language| code(language) == wanted || language.code() == wanted)
}

/// The codes of all languages that are known, in order.
pub(crate) fn codes() -> Vec<&'static str> {
    let mut codes: Vec<_> = Lang::all().iter().map(|&language| code(language)).collect();
    codes.sort_unstable();
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_code_of_its_own() {
        let codes = codes();
        assert!(codes.windows(2).all(|pair| pair[0] != pair[1]), "{codes:?}");
        let long: Vec<_> = codes.iter().filter(|code| code.len() != 2).collect();
        assert!(long.is_empty(), "without a code of two letters: {long:?}");
    }

    #[test]
    fn tells_languages_apart() {
        let detect = |text| detector(vec![]).detect(text).map(|found| code(found.lang()));
        assert_eq!(detect("the quick brown fox jumps over the lazy dog and runs away from it"), Some("en"));
        assert_eq!(detect("der schnelle braune Fuchs springt über den faulen Hund und läuft davon"), Some("de"));
        assert_eq!(detect("这是一个关于人权的宣言"), Some("zh"));
        assert_eq!(detect("12345 !?"), None);
    }

    #[test]
    fn chooses_among_those_allowed() {
        let among = detector(vec![language("fr").unwrap(), language("es").unwrap()]);
        let found = among.detect("the quick brown fox jumps over the lazy dog").unwrap();
        assert!(["fr", "es"].contains(&code(found.lang())));
        assert_eq!(language("eng"), language("en"));
        assert_eq!(language("xx"), None);
    }
}
