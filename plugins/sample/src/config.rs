//! How large a sample, and of what.

use std::fmt;

use callboard_sdk::prelude::*;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::draw::Size;

/// How large a sample, and of what.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The number of rows, or all if there are fewer. Either this or `fraction`.
    rows: Option<u64>,
    /// The share of the rows, from 0 to 1, rounded to a whole row. Either this or `rows`.
    #[schemars(range(min = 0, max = 1))]
    fraction: Option<f64>,
    /// The seed: the same seed gives the same sample.
    pub(crate) seed: u64,
    /// A column to stratify by, or a list of columns: `rows` or `fraction` then applies to each of their values (null is one of them).
    by: Option<Names>,
    /// A column of numbers, 0 or more: a row of twice the weight is twice as likely to be chosen next. Rows of weight 0 are not chosen.
    pub(crate) weight: Option<String>,
}

/// One column, or several.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;

        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a column, or a list of names")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Names, E> {
                Ok(Names::One(name.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Names, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(names)).map(Names::Several)
            }
        }

        deserializer.deserialize_any(OneOrSeveral)
    }
}

impl Config {
    /// The columns whose values are strata.
    pub(crate) fn strata(&self) -> &[String] {
        match &self.by {
            None => &[],
            Some(Names::One(name)) => std::slice::from_ref(name),
            Some(Names::Several(names)) => names,
        }
    }

    pub(crate) fn has_one_stratum_column(&self) -> bool {
        matches!(self.by, Some(Names::One(_)))
    }

    pub(crate) fn size(&self) -> Result<Size> {
        match (self.rows, self.fraction) {
            (Some(rows), None) => Ok(Size::Rows(rows)),
            (None, Some(fraction)) if (0.0..=1.0).contains(&fraction) => Ok(Size::Fraction(fraction)),
            (None, Some(fraction)) => {
                Err(StepError::config(format!("`fraction` is {fraction}, and 0 to 1 is expected")).at("/fraction"))
            }
            _ => Err(StepError::config("either `rows` or `fraction` is needed, and not both").at("")),
        }
    }
}
