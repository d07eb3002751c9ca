//! What a row asks: its conversation, its prompts and its images as messages.

use std::collections::BTreeSet;

use callboard_models::{Conversation, Image, Message, Part, Role, Row, Template, messages_of, messages_unfit};
use callboard_sdk::array::{Array, Values};
use callboard_sdk::prelude::*;
use callboard_sdk::{Layout, Type};

use crate::Config;

/// What is asked about each row.
pub(crate) struct Question {
    prompt: Option<Template>,
    system: Option<Template>,
    messages: Option<String>,
    images: Vec<String>,
    /// The columns of both templates.
    names: BTreeSet<String>,
}

impl Question {
    pub(crate) fn new(config: &Config, input: &Schema) -> Result<Question> {
        let template = |source: &Option<String>, at: &str| match source {
            Some(source) => Template::new(source, input, &[]).at(at).map(Some),
            None => Ok(None),
        };
        let (prompt, system) = (template(&config.prompt, "/prompt")?, template(&config.system, "/system")?);
        if prompt.is_none() && config.messages.is_none() {
            return Err(StepError::config(
                "nothing is asked: set `prompt`, such as \"Summarise: {{ text }}\", or `messages`",
            ));
        }
        if let Some(name) = &config.messages {
            let field = input.field(name).at("/messages")?;
            if let Some(why) = messages_unfit(&field.ty) {
                return Err(StepError::config(format!("column `{name}` {why}"))).at("/messages");
            }
        }
        for (i, name) in config.images.iter().enumerate() {
            let at = format!("/images/{i}");
            let field = input.field(name).at(&at)?;
            let is_image = |ty: &Type| matches!(ty.layout, Layout::Utf8 | Layout::Binary);
            let fits = match &field.ty.layout {
                Layout::List(items) => is_image(items),
                _ => is_image(&field.ty),
            };
            if !fits {
                return Err(StepError::config(format!(
                    "column `{name}` is {}, and images are utf8 (URLs), binary, or lists of one of these",
                    field.ty
                )))
                .at(at);
            }
        }
        let names = [&prompt, &system].into_iter().flatten().flat_map(|template| template.columns().to_vec()).collect();
        Ok(Question { prompt, system, messages: config.messages.clone(), images: config.images.clone(), names })
    }

    /// The columns that are read.
    pub(crate) fn columns(&self) -> Vec<&str> {
        self.names.iter().chain(&self.messages).chain(&self.images).map(String::as_str).collect()
    }

    /// The conversation of a row, or why it has none.
    pub(crate) fn of(&self, batch: &Batch, row: usize) -> Result<Result<Conversation, String>> {
        let values = Row::of(batch, row, &self.names, vec![])?;
        let mut messages = Vec::new();
        if let Some(system) = &self.system {
            match system.render(&values) {
                Ok(text) => messages.push(Message::text(Role::System, text)),
                Err(why) => return Ok(Err(format!("the system prompt, {why}"))),
            }
        }
        if let Some(name) = &self.messages {
            match messages_of(batch.array(name)?, row)? {
                Ok(more) => messages.extend(more),
                Err(why) => return Ok(Err(format!("column `{name}`: {why}"))),
            }
        }
        if let Some(prompt) = &self.prompt {
            match prompt.render(&values) {
                Ok(text) => messages.push(Message::text(Role::User, text)),
                Err(why) => return Ok(Err(format!("the prompt, {why}"))),
            }
        }
        let mut images = Vec::new();
        for name in &self.images {
            match images_of(batch.array(name)?, row)? {
                Ok(more) => images.extend(more.into_iter().map(Part::Image)),
                Err(why) => return Ok(Err(format!("column `{name}`: {why}"))),
            }
        }
        if !images.is_empty() {
            match messages.iter_mut().rfind(|message| message.role == Role::User) {
                // Models see images before they are asked about them.
                Some(question) => drop(question.parts.splice(0..0, images)),
                None => return Ok(Err("there are images, and no question that they belong to".into())),
            }
        }
        match messages.iter().any(|message| message.role != Role::System) {
            true => Ok(Ok(messages)),
            false => Ok(Err("the conversation is empty".into())),
        }
    }
}

/// The images of a value; a null has no images.
fn images_of(array: Array<'_>, i: usize) -> Result<Result<Vec<Image>, String>> {
    if array.is_null(i) {
        return Ok(Ok(vec![]));
    }
    Ok(match array.values()? {
        Values::Strings(urls) => Image::of_url(urls.value(i)).map(|image| vec![image]),
        Values::Binaries(bytes) => Image::of_bytes(bytes.value(i)).map(|image| vec![image]),
        Values::Lists(lists) => {
            let mut images = Vec::new();
            for item in lists.value(i) {
                match images_of(lists.items(), item)? {
                    Ok(more) => images.extend(more),
                    Err(why) => return Ok(Err(why)),
                }
            }
            Ok(images)
        }
        _ => Err("no images".into()),
    })
}
