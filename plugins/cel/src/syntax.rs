//! Expressions as they are written: the syntax of CEL, read into a tree.
//!
//! Beyond CEL's grammar: a name may have any letters (`größe`), be quoted with backticks (`` `n words` ``), or be one of the
//! words that CEL reserves (`loop`, `package`); a call `a.f(b)` is `f(a, b)`.

mod lexer;
mod parser;

pub(crate) use parser::parse;

use crate::compare::Is;

/// A part of an expression, and the byte of the source that it is about.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) at: usize,
    /// How many parts lie within one another here, this one included.
    depth: u32,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i128),
    /// A number with a point or an exponent, as it is written.
    Float(String),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Part>),
    Name(String),
    Member(Box<Part>, String),
    Index(Box<[Part; 2]>),
    Not(Box<Part>),
    Negate(Box<Part>),
    /// `&&`, of two or more.
    All(Vec<Part>),
    /// `||`, of two or more.
    Any(Vec<Part>),
    Compare(Is, Box<[Part; 2]>),
    In(Box<[Part; 2]>),
    Arithmetic(Sign, Box<[Part; 2]>),
    /// `condition ? then : otherwise`
    If(Box<[Part; 3]>),
    Call(String, Vec<Part>),
}

/// What is done with two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Plus,
    Minus,
    Times,
    Over,
    Modulo,
}

impl Sign {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Sign::Plus => "+",
            Sign::Minus => "-",
            Sign::Times => "*",
            Sign::Over => "/",
            Sign::Modulo => "%",
        }
    }
}

/// What is wrong with an expression, and at which byte of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) what: String,
}

impl Fault {
    pub(crate) fn new(at: usize, what: impl Into<String>) -> Self {
        Fault { at, what: what.into() }
    }

    /// The line and the column in characters, both from 1.
    pub(crate) fn place(&self, source: &str) -> (usize, usize) {
        let before = source.get(..self.at).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before[start..].chars().count() + 1)
    }
}
