//! Makes of an expression as it is written one that works on the columns of an input, or says why it cannot.

mod calls;
mod words;

use std::cell::Cell;

use callboard_sdk::array::Any;
use callboard_sdk::{Column, Schema};

use crate::arithmetic;
use crate::compare::Is;
use crate::decimal::Decimal;
use crate::evaluate::Row;
use crate::node::{Node, Step};
use crate::syntax::{Fault, Kind, Part, Sign};
use crate::types::Type;
use crate::value::Value;

/// An expression, and the columns that it reads, by their places in it.
pub(crate) struct Checked {
    pub(crate) node: Node,
    pub(crate) columns: Vec<Column<Any>>,
}

/// A part of an expression that works, and what it gives.
type Typed = (Node, Type);

/// # Errors
/// What is wrong, and where: a name that is not a column's, types that do not go together, a condition that is none.
pub(crate) fn check(part: &Part, input: &Schema) -> Result<Checked, Fault> {
    let mut checker = Checker { input, columns: vec![], locals: vec![] };
    let node = checker.condition(part)?;
    Ok(Checked { node, columns: checker.columns })
}

/// As [`check`], of an expression that may give anything, and the type of what it gives.
pub(crate) fn check_value(part: &Part, input: &Schema) -> Result<(Checked, Type), Fault> {
    let mut checker = Checker { input, columns: vec![], locals: vec![] };
    let (node, ty) = checker.part(part)?;
    Ok((Checked { node, columns: checker.columns }, ty))
}

/// A step further into JSON.
fn within_json(node: Node, step: Step) -> Node {
    match node {
        Node::Json(of, mut path) => {
            path.push(step);
            Node::Json(of, path)
        }
        node => Node::Json(Box::new(node), vec![step]),
    }
}

struct Checker<'s> {
    input: &'s Schema,
    columns: Vec<Column<Any>>,
    /// The names that are given to items by what is around a part.
    locals: Vec<(String, Type)>,
}

impl Checker<'_> {
    fn part(&mut self, part: &Part) -> Result<Typed, Fault> {
        let at = part.at;
        let (node, ty) = match &part.kind {
            Kind::Null => (self.word("null", at, Value::Null)?, Type::Null),
            Kind::Bool(value) => {
                (self.word(if *value { "true" } else { "false" }, at, Value::Bool(*value))?, Type::Bool)
            }
            Kind::Int(value) => (Node::Constant(Value::Int(*value)), Type::Int),
            Kind::Float(text) => (Node::Written(text.parse().unwrap_or(f64::NAN), Decimal::parse(text)), Type::Float),
            Kind::Text(text) => (Node::Constant(Value::text(text.clone())), Type::Text),
            Kind::Bytes(bytes) => (Node::Constant(Value::Bytes(bytes.clone().into())), Type::Bytes),
            Kind::List(items) => self.list(items)?,
            Kind::Name(name) => self.name(name, at)?,
            Kind::Member(of, name) => self.member(of, name, at)?,
            Kind::Index(parts) => self.index(&parts[0], &parts[1], at)?,
            Kind::Not(of) => (Node::Not(Box::new(self.condition(of)?)), Type::Bool),
            Kind::Negate(of) => self.negated(of, at)?,
            Kind::All(parts) => (Node::All(self.conditions(parts)?), Type::Bool),
            Kind::Any(parts) => (Node::Any(self.conditions(parts)?), Type::Bool),
            Kind::Compare(is, sides) => (self.compared(*is, &sides[0], &sides[1], at)?, Type::Bool),
            Kind::In(sides) => (self.within(&sides[0], &sides[1], at)?, Type::Bool),
            Kind::Arithmetic(sign, sides) => self.calculated(*sign, &sides[0], &sides[1], at)?,
            Kind::If(parts) => {
                let condition = self.condition(&parts[0])?;
                let (then, otherwise) = self.paired(&parts[1], &parts[2])?;
                let Some(ty) = then.1.clone().or(otherwise.1.clone()) else {
                    let both = format!("`? :` gives {} or {}, and one type is expected", then.1, otherwise.1);
                    return Err(Fault::new(at, both));
                };
                (Node::If(Box::new([condition, then.0, otherwise.0])), ty)
            }
            Kind::Call(name, arguments) => self.call(name, arguments, at)?,
        };
        Ok((folded(node, at)?, ty))
    }

    /// A word that is a value, if no column has its name: one of both would be meant, and nobody knows which.
    fn word(&self, word: &str, at: usize, value: Value<'static>) -> Result<Node, Fault> {
        match self.input.get(word) {
            Some(_) => Err(Fault::new(
                at,
                format!("`{word}` is a value, and a column here has that name: write {}", words::instead_of_word(word)),
            )),
            None => Ok(Node::Constant(value)),
        }
    }

    fn condition(&mut self, part: &Part) -> Result<Node, Fault> {
        match self.part(part)? {
            (node, Type::Bool | Type::Null) => Ok(node),
            (_, ty) => Err(Fault::new(part.at, format!("{}, and a bool is expected", words::shown(part, &ty)))),
        }
    }

    fn conditions(&mut self, parts: &[Part]) -> Result<Vec<Node>, Fault> {
        parts.iter().map(|part| self.condition(part)).collect()
    }

    fn list(&mut self, items: &[Part]) -> Result<Typed, Fault> {
        let (mut nodes, mut ty) = (vec![], Type::Null);
        for item in items {
            let (node, of) = self.part(item)?;
            let Some(both) = ty.clone().or(of.clone()) else {
                return Err(Fault::new(item.at, format!("a list has {ty} and {of}, and one type is expected")));
            };
            ty = both;
            nodes.push(node);
        }
        Ok((Node::List(nodes), Type::List(Box::new(ty))))
    }

    /// What is named by what is around, or a column: before any type or function of the same name.
    fn name(&mut self, name: &str, at: usize) -> Result<Typed, Fault> {
        if let Some(place) = self.locals.iter().rposition(|(local, _)| local == name) {
            return Ok((Node::Local(place), self.locals[place].1.clone()));
        }
        let column = self.input.any(name).map_err(|error| {
            let odd = self.input.fields().iter().any(|field| !words::is_plain(&field.name));
            let quoted = if odd {
                "; a name with other characters than letters, digits and `_` is quoted with backticks"
            } else {
                ""
            };
            Fault::new(at, format!("{}{quoted}", error.message))
        })?;
        let ty = Type::from(&column.field().ty);
        let place = match self.columns.iter().position(|known| known.name() == name) {
            Some(place) => place,
            None => {
                self.columns.push(column);
                self.columns.len() - 1
            }
        };
        Ok((Node::Column(place), ty))
    }

    fn member(&mut self, of: &Part, name: &str, at: usize) -> Result<Typed, Fault> {
        if let Some(column) = self.dotted(of, name) {
            return self.name(&column, at);
        }
        let (node, ty) = self.part(of)?;
        match &ty {
            Type::Struct(members) => match members.iter().position(|(member, _)| member == name) {
                Some(place) => Ok((Node::Member(Box::new(node), place), members[place].1.clone())),
                None => {
                    let members: Vec<_> = members.iter().map(|(member, _)| format!("`{member}`")).collect();
                    Err(Fault::new(at, format!("there is no member `{name}`; the members are {}", members.join(", "))))
                }
            },
            Type::Map(key, value) if **key == Type::Text => {
                let key = Node::Constant(Value::text(name.to_owned()));
                Ok((Node::Index(Box::new([node, key])), (**value).clone()))
            }
            Type::Json => Ok((within_json(node, Step::Member(name.to_owned())), Type::Json)),
            Type::Null => Ok((Node::Constant(Value::Null), Type::Null)),
            _ => Err(Fault::new(at, format!("{}, and has no members", words::shown(of, &ty)))),
        }
    }

    /// The column whose name has dots in it, where there is none of the name before the first dot.
    fn dotted(&self, of: &Part, name: &str) -> Option<String> {
        let path = format!("{}.{name}", words::named(of)?);
        let root = path.split('.').next()?;
        let is_root = self.input.get(root).is_some() || self.locals.iter().any(|(local, _)| local == root);
        (!is_root && self.input.get(&path).is_some()).then_some(path)
    }

    fn index(&mut self, of: &Part, index: &Part, at: usize) -> Result<Typed, Fault> {
        let (node, ty) = self.part(of)?;
        if let (Type::Struct(_), Kind::Text(name)) = (&ty, &index.kind) {
            return self.member(of, name, at);
        }
        if ty == Type::Json {
            let step = match &index.kind {
                Kind::Text(name) => Some(Step::Member(name.clone())),
                Kind::Int(place) => usize::try_from(*place).ok().map(Step::Item),
                _ => None,
            };
            let step = step.ok_or_else(|| Fault::new(index.at, "a place in JSON is written as a text or a number"))?;
            return Ok((within_json(node, step), Type::Json));
        }
        let (place, place_ty) = self.part(index)?;
        let (value, fits) = match &ty {
            Type::List(items) => ((**items).clone(), matches!(place_ty, Type::Int | Type::Null)),
            Type::Map(key, value) => ((**value).clone(), key.goes_with(&place_ty, false)),
            Type::Null => (Type::Null, true),
            _ => return Err(Fault::new(at, format!("{}, and has no places", words::shown(of, &ty)))),
        };
        match fits {
            true => Ok((Node::Index(Box::new([node, place])), value)),
            false => Err(Fault::new(at, format!("{ty} has no place that is {place_ty}"))),
        }
    }

    fn negated(&mut self, of: &Part, at: usize) -> Result<Typed, Fault> {
        match self.part(of)? {
            (Node::Written(value, exact), ty) => Ok((Node::Written(-value, exact.map(|exact| -exact)), ty)),
            (node, ty) if ty.is_number() || matches!(ty, Type::Duration | Type::Null) => {
                Ok((Node::Negate(Box::new(node)), ty))
            }
            (_, ty) => Err(Fault::new(at, format!("`-` is for numbers and durations, and not for {ty}"))),
        }
    }

    fn compared(&mut self, is: Is, left: &Part, right: &Part, at: usize) -> Result<Node, Fault> {
        let null = |part: &Part| matches!(part.kind, Kind::Null);
        if !is.is_order() && (null(left) || null(right)) {
            self.part(if null(left) { left } else { right })?;
            let of = self.part(if null(left) { right } else { left })?.0;
            let of = Node::IsNull(Box::new(of));
            return Ok(if is == Is::Equal { of } else { Node::Not(Box::new(of)) });
        }
        let ((left_node, left_ty), (right_node, right_ty)) = self.paired(left, right)?;
        match left_ty.goes_with(&right_ty, is.is_order()) {
            true => Ok(Node::Compare(is, Box::new([left_node, right_node]))),
            false => Err(Fault::new(at, words::incomparable(is, (left, &left_ty), (right, &right_ty)))),
        }
    }

    fn within(&mut self, of: &Part, list: &Part, at: usize) -> Result<Node, Fault> {
        if let Kind::List(items) = &list.kind {
            let (mut node, ty) = self.part(of)?;
            let mut nodes = vec![];
            for item in items {
                let (item_node, item_ty) = self.part(item)?;
                if !ty.goes_with(&item_ty, false) {
                    return Err(Fault::new(item.at, words::incomparable(Is::Equal, (of, &ty), (item, &item_ty))));
                }
                node = exactly(node, &item_ty);
                nodes.push(exactly(item_node, &ty));
            }
            return Ok(Node::OneOf(Box::new(node), nodes));
        }
        let (left, right) = (self.part(of)?, self.part(list)?);
        self.among(left, right, (of, list), at)
    }

    /// `left in right`
    fn among(&mut self, left: Typed, right: Typed, parts: (&Part, &Part), at: usize) -> Result<Node, Fault> {
        let items = match &right.1 {
            Type::List(items) | Type::Map(items, _) => (**items).clone(),
            Type::Null => Type::Null,
            Type::Text => {
                return Err(Fault::new(at, "`in` looks into lists and maps: `contains(text, part)` into text"));
            }
            ty => {
                return Err(Fault::new(
                    at,
                    format!("{}, and `in` looks into lists and maps", words::shown(parts.1, ty)),
                ));
            }
        };
        if !left.1.goes_with(&items, false) {
            let what = format!("{}, and an item of {} is {items}", words::shown(parts.0, &left.1), right.1);
            return Err(Fault::new(at, what));
        }
        Ok(Node::Among(Box::new([exactly(left.0, &items), right.0])))
    }

    fn calculated(&mut self, sign: Sign, left: &Part, right: &Part, at: usize) -> Result<Typed, Fault> {
        let ((left_node, left_ty), (right_node, right_ty)) = self.paired(left, right)?;
        match arithmetic::result(sign, &left_ty, &right_ty) {
            Some(ty) => Ok((Node::Arithmetic(sign, Box::new([left_node, right_node])), ty)),
            None => Err(Fault::new(at, words::incalculable(sign, &left_ty, &right_ty))),
        }
    }

    /// Two parts; a number that is written beside a decimal is a decimal.
    fn paired(&mut self, left: &Part, right: &Part) -> Result<(Typed, Typed), Fault> {
        let ((left, left_ty), (right, right_ty)) = (self.part(left)?, self.part(right)?);
        let (left, right) = (exactly(left, &right_ty), exactly(right, &left_ty));
        let ty = |node: &Node, ty| if matches!(node, Node::Constant(Value::Decimal(_))) { Type::Decimal } else { ty };
        let (left_ty, right_ty) = (ty(&left, left_ty), ty(&right, right_ty));
        Ok(((left, left_ty), (right, right_ty)))
    }
}

/// What is written with a point, as it is written, where it meets a decimal.
fn exactly(node: Node, other: &Type) -> Node {
    match node {
        Node::Written(_, Some(exact)) if *other == Type::Decimal => Node::Constant(Value::Decimal(exact)),
        node => node,
    }
}

/// What does not depend on the row is calculated once, and what it fails on is found before any row.
fn folded(node: Node, at: usize) -> Result<Node, Fault> {
    let constant = |nodes: &[Node]| nodes.iter().all(|node| node.constant().is_some());
    let fold = match &node {
        Node::Call(_, arguments) => constant(arguments),
        Node::List(items) => constant(items),
        Node::Arithmetic(_, sides) => constant(&sides[..]),
        Node::Negate(of) => of.constant().is_some(),
        _ => false,
    };
    if !fold {
        return Ok(node);
    }
    let left = Cell::new(0);
    let value = node.evaluate(&mut Row::new(&[], 0, &left)).map_err(|why| Fault::new(at, why))?;
    Ok(value.to_static().map_or(node, Node::Constant))
}
