//! What fixes an error.

use std::fmt;
use std::ops::{Deref, Range};
use std::path::PathBuf;

/// Something that the caller of a library decides, and that would fix an error if it were decided otherwise.
///
/// Printed, it is what a program that embeds the library has to change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Setting {
    /// Outputs may replace what is in their places.
    Overwrite,
    /// The most memory that a stage may take, such as `1GiB`; any size, if there is no text.
    Budget(Option<String>),
    /// The most that rows between stages may take of the disk.
    MaxSpill,
    /// The run's folder.
    RunFolder,
    /// The pipeline is run again, in this folder.
    RunAgain(PathBuf),
    /// The run in this folder is resumed, with another folder that its paths start from.
    ResumeBase(PathBuf),
    /// The run in this folder is resumed, with 32 hexadecimal digits that say what is trusted.
    ResumeTrusted(PathBuf, String),
    /// A run is looked at, with 32 hexadecimal digits that say what is trusted.
    LookTrusted(String),
    /// When steps are loaded: `step`, `staged`.
    Load(&'static str),
    /// The instances of each transform.
    Replicas(u32),
    /// A param of the pipeline, and its value as a shell takes it.
    Param(String, String),
    /// The configuration of a step that is tried, as JSON that a shell takes.
    Config(String),
    /// The longest pipeline file, such as `64MiB`.
    MaxPipeline(String),
    /// The largest component, such as `256MiB`.
    MaxComponent(String),
    /// What a step puts out is written down as what is expected of it.
    Bless,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Overwrite => f.write_str("set `overwrite`"),
            Setting::Budget(None) => f.write_str("`budget`"),
            Setting::Budget(Some(size)) => write!(f, "a `budget` of {size}"),
            Setting::MaxSpill => f.write_str("`max_spill`"),
            Setting::RunFolder => f.write_str("the run's folder"),
            Setting::RunAgain(folder) => write!(f, "with the run's folder `{}`", folder.display()),
            Setting::ResumeBase(_) => f.write_str("`base`"),
            Setting::ResumeTrusted(_, digits) => write!(f, "`trusted` = {digits}"),
            Setting::LookTrusted(digits) => write!(f, "`trusted` = {digits}"),
            Setting::Load(when) => write!(f, "`load` = {when}"),
            Setting::Replicas(number) => write!(f, "`replicas` = {number}"),
            Setting::Param(name, value) => write!(f, "the param `{name}` = {value}"),
            Setting::Config(json) => write!(f, "a configuration of {json}"),
            Setting::MaxPipeline(size) => write!(f, "`max_pipeline` = {size}"),
            Setting::MaxComponent(size) => write!(f, "`max_component` = {size}"),
            Setting::Bless => f.write_str("write down what it puts out"),
        }
    }
}

/// What fixes an error, with text that can be pasted. As a text, it is in the library's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Help {
    text: String,
    /// Where settings stand in the text, in order.
    settings: Vec<(Range<usize>, Setting)>,
}

impl Help {
    /// With more text behind it.
    #[must_use]
    pub fn and(mut self, text: impl AsRef<str>) -> Help {
        self.text.push_str(text.as_ref());
        self
    }

    /// With a setting behind it.
    #[must_use]
    pub fn set(mut self, setting: Setting) -> Help {
        let start = self.text.len();
        self.text.push_str(&setting.to_string());
        self.settings.push((start..self.text.len(), setting));
        self
    }

    /// The settings that it names.
    pub fn settings(&self) -> impl Iterator<Item = &Setting> {
        self.settings.iter().map(|(_, setting)| setting)
    }

    /// The text, each setting in the words of the program that shows it.
    pub fn said(&self, word: impl Fn(&Setting) -> String) -> String {
        let (mut said, mut from) = (String::with_capacity(self.text.len()), 0);
        for (at, setting) in &self.settings {
            said.push_str(&self.text[from..at.start]);
            said.push_str(&word(setting));
            from = at.end;
        }
        said + &self.text[from..]
    }

    /// At most this many bytes of it, and a mark where something is missing.
    #[must_use]
    pub fn clipped(mut self, most: usize) -> Help {
        self.text = crate::text::clipped(self.text, most);
        self.settings.retain(|(at, _)| at.end <= self.text.len().min(most));
        self
    }
}

impl Deref for Help {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Help {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// As its text.
impl serde::Serialize for Help {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl From<String> for Help {
    fn from(text: String) -> Help {
        Help { text, settings: Vec::new() }
    }
}

impl From<&str> for Help {
    fn from(text: &str) -> Help {
        text.to_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_said_in_the_words_of_whoever_tells_them() {
        let help = Help::from("allow more: ").set(Setting::Budget(Some("1GiB".to_owned()))).and(", or ");
        let help = help.set(Setting::Overwrite).and("\nor wait");
        assert_eq!(&*help, "allow more: a `budget` of 1GiB, or set `overwrite`\nor wait");
        let flag = |setting: &Setting| match setting {
            Setting::Budget(Some(size)) => format!("-b {size}"),
            _ => "-o".to_owned(),
        };
        assert_eq!(help.said(flag), "allow more: -b 1GiB, or -o\nor wait");
        assert_eq!(help.settings().count(), 2);
    }

    #[test]
    fn a_setting_that_is_cut_off_is_text() {
        let help = Help::from("é: ").set(Setting::Overwrite).and(" or ").set(Setting::MaxSpill);
        for most in 0..help.len() + 2 {
            let clipped = help.clone().clipped(most);
            let said = clipped.said(|_| "X".to_owned());
            assert!(said.len() <= most + '…'.len_utf8(), "{most}: {said}");
            assert_eq!(said.matches('X').count(), clipped.settings().count());
        }
    }
}
