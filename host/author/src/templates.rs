//! What this library carries: the templates of all languages, and their SDKs.

use std::sync::LazyLock;

use crate::contract::Template;
use crate::language::Language;

include!(concat!(env!("OUT_DIR"), "/carried.rs"));

/// A carried file: its path, with `/`, and what is in it.
pub type File = (&'static str, &'static [u8]);

/// All languages, in the order of their ids.
///
/// # Panics
/// If a language's `language.toml` is not sound, which a test of this crate finds first.
pub fn languages() -> &'static [Language] {
    static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
        let files = TEMPLATES.iter().filter_map(|(path, bytes)| Some((path.strip_suffix("/language.toml")?, bytes)));
        let parse = |(id, bytes): (&str, &&[u8])| {
            let text = std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("plugins/templates/{id}: not UTF-8"));
            Language::parse(id, text).unwrap_or_else(|error| panic!("plugins/templates/{id}/language.toml: {error}"))
        };
        files.map(parse).collect()
    });
    &LANGUAGES
}

/// The language of this id.
pub fn language(id: &str) -> Option<&'static Language> {
    languages().iter().find(|language| language.id == id)
}

/// The files that a step begins with: those that are alike in all languages, then the language's own, which stand
/// in their place where both have a file of one name.
pub(crate) fn template(language: &Language, template: Template) -> impl Iterator<Item = File> {
    let own = within(TEMPLATES, format!("{}/{}/", language.id, template.name()));
    within(TEMPLATES, format!("common/{}/", template.name())).chain(own)
}

/// The files of a language's SDK.
pub(crate) fn sdk(language: &Language) -> impl Iterator<Item = File> {
    within(SDKS, format!("{}/", language.sdk))
}

fn within(files: &'static [File], folder: String) -> impl Iterator<Item = File> {
    files.iter().filter_map(move |(path, bytes)| Some((path.strip_prefix(folder.as_str())?, *bytes)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_folder_of_templates_is_a_whole_language() {
        let folders: BTreeSet<&str> = TEMPLATES.iter().filter_map(|(path, _)| path.split('/').next()).collect();
        let languages: BTreeSet<&str> = languages().iter().map(|language| language.id.as_str()).collect();
        let lacking: Vec<_> =
            folders.iter().filter(|folder| **folder != "common" && !languages.contains(**folder)).collect();
        assert!(lacking.is_empty(), "no language.toml in {lacking:?}");
        for language in super::languages() {
            assert!(sdk(language).next().is_some(), "{}: there is no plugins/sdk/{}", language.id, language.sdk);
            for template in Template::ALL {
                let own = within(TEMPLATES, format!("{}/{}/", language.id, template.name())).count();
                assert!(own > 0, "plugins/templates/{}/{} has no files", language.id, template.name());
            }
        }
    }
}
