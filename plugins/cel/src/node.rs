//! Expressions that are known to work on the columns: names are places, types go together.

use regex::Regex;

use crate::compare::Is;
use crate::decimal::Decimal;
use crate::functions::Function;
use crate::syntax::Sign;
use crate::template::Template;
use crate::value::Value;

#[derive(Debug)]
pub(crate) enum Node {
    Constant(Value<'static>),
    /// A number that is written with a point: its nearest float, and itself for where it meets a decimal.
    Written(f64, Option<Decimal>),
    /// A column, by its place among those that are read.
    Column(usize),
    /// What `exists` and the like call an item, by how many such names are around it.
    Local(usize),
    /// A member of a struct, by its place.
    Member(Box<Node>, usize),
    List(Vec<Node>),
    Index(Box<[Node; 2]>),
    Not(Box<Node>),
    Negate(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
    IsNull(Box<Node>),
    Compare(Is, Box<[Node; 2]>),
    /// `x in [a, b]`
    OneOf(Box<Node>, Vec<Node>),
    /// `x in y`, a list or a map
    Among(Box<[Node; 2]>),
    Arithmetic(Sign, Box<[Node; 2]>),
    If(Box<[Node; 3]>),
    /// The first that is not null.
    Coalesce(Vec<Node>),
    Matches(Box<Node>, Regex),
    /// The first group, or the whole, of what a pattern matches first.
    Extract(Box<Node>, Regex),
    /// The same of all that a pattern matches.
    ExtractAll(Box<Node>, Regex),
    /// A text with something else for all that a pattern matches.
    Replace(Box<Node>, Regex, Template),
    /// What lies at a path of JSON, which is text or a value of JSON.
    Json(Box<Node>, Vec<Step>),
    Call(&'static Function, Vec<Node>),
    Each(Box<Each>),
}

/// A step of a path into JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Member(String),
    Item(usize),
}

/// `of.all(x, body)` and its like.
#[derive(Debug)]
pub(crate) struct Each {
    pub(crate) what: What,
    pub(crate) of: Node,
    /// The condition on an item, and what `map` makes of it.
    pub(crate) body: Node,
    pub(crate) made: Option<Node>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

impl What {
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "all" => What::All,
            "exists" => What::Exists,
            "exists_one" | "existsOne" => What::ExistsOne,
            "filter" => What::Filter,
            "map" => What::Map,
            _ => return None,
        })
    }
}

impl Node {
    /// The constant that this is.
    pub(crate) fn constant(&self) -> Option<Value<'_>> {
        match self {
            Node::Constant(value) => Some(value.borrowed()),
            Node::Written(value, _) => Some(Value::Float(*value)),
            _ => None,
        }
    }
}
