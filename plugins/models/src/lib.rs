//! What the bundled steps that ask models share.
//!
//! # The journey of a row
//! 1. [`Template`]: a prompt is rendered over the row's columns.
//! 2. [`Message`]: prompts, messages of the row and [`Image`]s become a conversation.
//! 3. [`Server`]: the conversation becomes a request in the server's protocol ([`Api`]), and its reply a [`Said`].
//! 4. [`Structure`]: a reply that has to fit a JSON Schema is checked, and its fields become typed columns.
//! 5. [`ask_all`]: all rows of a batch at once, and again those whose reply does not fit.
#![forbid(unsafe_code)]

mod ask;
mod conversation;
mod image;
mod schema;
mod server;
mod template;
mod typed;
mod value;
mod wire;

pub use ask::{Answer, Ask, Refusal, ask_all};
pub use conversation::{Conversation, Message, Part, Role, messages_of, messages_unfit};
pub use image::Image;
pub use minijinja::Value as TemplateValue;
pub use schema::Structure;
pub use server::{Api, Options, Said, Server, check_headers, endpoint, refusal_of};
pub use template::{Row, Template};
pub use typed::column;
pub use value::value;
