//! What a server is asked: messages of text and images.

use callboard_sdk::array::{Array, List, Values};
use callboard_sdk::{Layout, Result, StepError, Type};
use serde::Deserialize;

use crate::image::Image;

/// The speaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Whoever sets the rules.
    #[serde(alias = "developer")]
    System,
    /// Whoever asks.
    User,
    /// The model.
    Assistant,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }

    fn of(name: &str) -> Result<Role, String> {
        match name {
            "system" | "developer" => Ok(Role::System),
            "user" => Ok(Role::User),
            "assistant" => Ok(Role::Assistant),
            other => Err(format!("the role of a message is `system`, `user` or `assistant`, found {other:?}")),
        }
    }
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text.
    Text(String),
    /// An image.
    Image(Image),
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The speaker.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

/// Messages, the first one first.
pub type Conversation = Vec<Message>;

impl Message {
    /// A message of text alone.
    pub fn text(role: Role, text: impl Into<String>) -> Message {
        Message { role, parts: vec![Part::Text(text.into())] }
    }

    /// The text, if there is nothing else.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }
}

/// A message as a column of JSON text has it.
#[derive(Deserialize)]
struct Written {
    role: String,
    content: String,
}

/// Why a column of this type has no messages; `None` if it has.
pub fn messages_unfit(ty: &Type) -> Option<String> {
    let is_text = |field: Option<&callboard_sdk::Field>| field.is_some_and(|field| field.ty.layout == Layout::Utf8);
    match &ty.layout {
        Layout::Utf8 => None,
        Layout::List(items) => match &items.layout {
            Layout::Struct(fields)
                if ["role", "content"].iter().all(|name| is_text(fields.iter().find(|field| field.name == *name))) =>
            {
                None
            }
            _ => Some(()),
        },
        _ => Some(()),
    }
    .map(|()| format!("is {ty}, and messages are list<struct<role: utf8, content: utf8>>, or such a list as JSON text"))
}

/// The messages of value `i`, or what is wrong with them.
///
/// # Errors
/// `input`, if text is no UTF-8.
pub fn messages_of(array: Array<'_>, i: usize) -> Result<Result<Conversation, String>> {
    if array.is_null(i) {
        return Ok(Err("there are no messages: the value is null".into()));
    }
    let written: Result<Vec<(String, String)>, String> = match array.values()? {
        Values::Strings(texts) => match serde_json::from_str::<Vec<Written>>(texts.value(i)) {
            Ok(messages) => Ok(messages.into_iter().map(|message| (message.role, message.content)).collect()),
            Err(error) => Err(format!("the messages are no list of roles and contents: {error}")),
        },
        Values::Lists(_) => {
            let lists = array.view::<List>()?;
            let structs = lists.items().view::<callboard_sdk::array::Struct>()?;
            let member = |name: &str| {
                let member = structs.member(name).ok_or_else(|| StepError::input(format!("no member `{name}`")))?;
                member.view::<str>()
            };
            let (roles, contents) = (member("role")?, member("content")?);
            let message = |at: usize| match (structs.is_null(at), roles.get(at), contents.get(at)) {
                (false, Some(role), Some(content)) => Ok((role.to_owned(), content.to_owned())),
                _ => Err("a message has no role or no content".to_owned()),
            };
            lists.value(i).map(message).collect()
        }
        _ => Err("the messages are no list".into()),
    };
    let message = |(role, content): (String, String)| Ok(Message::text(Role::of(&role)?, content));
    Ok(written.and_then(|written| written.into_iter().map(message).collect()))
}
