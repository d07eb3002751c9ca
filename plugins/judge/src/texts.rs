//! What is judged of a row.

use callboard_models::{TemplateValue, value};
use callboard_sdk::array::{Array, List, Values};
use callboard_sdk::prelude::*;
use callboard_sdk::{Layout, Type};

use crate::config::Config;
use crate::rubric::Judges;

/// What prompts call what is judged.
pub(crate) const NAMES: [&str; 5] = ["instruction", "texts", "text", "criteria", "reference"];

/// Where the texts are.
pub(crate) struct Texts {
    judges: Judges,
    instruction: Option<String>,
    texts: String,
    reference: Option<String>,
    criteria: Option<String>,
}

/// The texts of a row.
pub(crate) struct Judged {
    instruction: TemplateValue,
    reference: TemplateValue,
    criteria: TemplateValue,
    pub(crate) texts: Vec<String>,
    /// For each text of the row, which of `texts` it is; a null has no place.
    pub(crate) places: Vec<Option<usize>>,
}

impl Texts {
    pub(crate) fn new(config: &Config, judges: Judges, input: &Schema) -> Result<Texts> {
        let default = match judges {
            Judges::Instructions => "instructions",
            Judges::Response => "generation",
            Judges::Responses | Judges::Pair => "generations",
        };
        let texts = config.texts.clone().unwrap_or(default.into());
        let wanted = if judges == Judges::Response { Type::new(Layout::Utf8) } else { Type::list(Layout::Utf8.into()) };
        let is = |ty: &Type| match (&ty.layout, &wanted.layout) {
            (Layout::List(items) | Layout::Vector(items, _), Layout::List(_)) => items.layout == Layout::Utf8,
            (one, other) => one == other,
        };
        let field = input.field(&texts).at("/texts")?;
        if !is(&field.ty) {
            let why = format!("column `{texts}` is {}, and this rubric judges {wanted}", field.ty);
            return Err(StepError::config(why)).at("/texts");
        }
        let instruction = match judges {
            Judges::Instructions => None,
            _ => Some(input.utf8(&config.instruction).at("/instruction")?.name().to_owned()),
        };
        let reference = config.reference.as_ref().map(|name| input.utf8(name).at("/reference")).transpose()?;
        let by_criteria = matches!(judges, Judges::Response | Judges::Pair) && config.prompt.is_none();
        if by_criteria && config.criteria.as_ref().is_none_or(|criteria| criteria.trim().is_empty()) {
            let why = format!("the rubric `{}` grades by criteria of your own: set `criteria`", config.rubric);
            return Err(StepError::config(why)).at("/criteria");
        }
        let reference = reference.map(|column| column.name().to_owned());
        Ok(Texts { judges, instruction, texts, reference, criteria: config.criteria.clone() })
    }

    pub(crate) fn columns(&self) -> Vec<&str> {
        let others = [&self.instruction, &self.reference].into_iter().flatten();
        std::iter::once(&self.texts).chain(others).map(String::as_str).collect()
    }

    /// What is judged of a row, or why nothing is.
    pub(crate) fn of(&self, batch: &Batch, row: usize) -> Result<Result<Judged, String>> {
        let of = |name: &Option<String>| match name {
            Some(name) => value(batch.array(name)?, row),
            None => Ok(TemplateValue::from(())),
        };
        let (instruction, reference) = (of(&self.instruction)?, of(&self.reference)?);
        if self.instruction.is_some() && instruction.is_none() {
            return Ok(Err("there is no instruction: the value is null".into()));
        }
        let all = texts_of(batch.array(&self.texts)?, row)?;
        let mut texts = Vec::new();
        let mut places = Vec::new();
        for text in all {
            places.push(text.as_ref().map(|_| texts.len()));
            texts.extend(text);
        }
        if texts.is_empty() {
            return Ok(Err(format!("there is nothing to judge in `{}`", self.texts)));
        }
        if self.judges == Judges::Pair && (texts.len(), places.len()) != (2, 2) {
            return Ok(Err(format!("two texts are compared, and `{}` has {}", self.texts, texts.len())));
        }
        let criteria = self.criteria.as_ref().map_or(TemplateValue::from(()), TemplateValue::from);
        Ok(Ok(Judged { instruction, reference, criteria, texts, places }))
    }
}

impl Judged {
    /// What the prompt sees.
    pub(crate) fn values(&self) -> Vec<(&'static str, TemplateValue)> {
        let texts: Vec<TemplateValue> = self.texts.iter().map(TemplateValue::from).collect();
        let values = [
            self.instruction.clone(),
            TemplateValue::from(texts),
            self.texts.first().map_or(TemplateValue::from(()), TemplateValue::from),
            self.criteria.clone(),
            self.reference.clone(),
        ];
        NAMES.into_iter().zip(values).collect()
    }
}

fn texts_of(array: Array<'_>, row: usize) -> Result<Vec<Option<String>>> {
    if array.is_null(row) {
        return Ok(vec![]);
    }
    if let Values::Strings(texts) = array.values()? {
        return Ok(vec![Some(texts.value(row).to_owned())]);
    }
    let lists = array.view::<List>()?;
    let items = lists.items().view::<str>()?;
    Ok(lists.value(row).map(|item| items.get(item).map(str::to_owned)).collect())
}
