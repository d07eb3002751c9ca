//! The numbers that a condition compares columns with: what could be changed in it to keep more rows, or fewer.

use callboard_sdk::array::Any;
use callboard_sdk::{Column, Layout, Type};

use crate::compare::Is;
use crate::expression::Expression;
use crate::node::Node;
use crate::value::Value;

/// A number of each row that is compared with a constant: `n_words >= 20`, `size(text) < 1000`.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The column, and behind it the members of structs that lead to the number.
    pub path: Vec<String>,
    /// Whether it is the size of the value, and not the value.
    pub of_size: bool,
    /// `<`, `<=`, `>` or `>=`.
    pub operator: &'static str,
    /// What it is compared with.
    pub with: f64,
}

impl Expression {
    /// The comparisons that all have to be true where the condition is: those that `&&` joins.
    pub fn comparisons(&self) -> Vec<Comparison> {
        let mut found = Vec::new();
        collect(self.node(), self.columns(), &mut found);
        found
    }
}

fn collect(node: &Node, columns: &[Column<Any>], found: &mut Vec<Comparison>) {
    match node {
        Node::All(parts) => parts.iter().for_each(|part| collect(part, columns, found)),
        Node::Compare(is, sides) if is.is_order() => {
            let of = |side: &Node, is: Is, constant: &Node| {
                let (path, of_size) = operand(side, columns)?;
                Some(Comparison { path, of_size, operator: is.as_str(), with: number(constant)? })
            };
            found.extend(of(&sides[0], *is, &sides[1]).or_else(|| of(&sides[1], is.turned(), &sides[0])));
        }
        _ => {}
    }
}

fn operand(node: &Node, columns: &[Column<Any>]) -> Option<(Vec<String>, bool)> {
    match node {
        Node::Call(function, of) if function.name == "size" => Some((place(of.first()?, columns)?.0, true)),
        node => Some((place(node, columns)?.0, false)),
    }
}

/// The names that lead to a column or a member, and its type.
fn place<'c>(node: &Node, columns: &'c [Column<Any>]) -> Option<(Vec<String>, &'c Type)> {
    match node {
        Node::Column(at) => Some((vec![columns[*at].name().to_owned()], &columns[*at].field().ty)),
        Node::Member(of, at) => {
            let (mut path, ty) = place(of, columns)?;
            let Layout::Struct(members) = &ty.layout else { return None };
            path.push(members.get(*at)?.name.clone());
            Some((path, &members.get(*at)?.ty))
        }
        _ => None,
    }
}

fn number(constant: &Node) -> Option<f64> {
    match constant.constant()? {
        Value::Int(value) => Some(value as f64),
        Value::Float(value) => Some(value).filter(|value| value.is_finite()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use callboard_sdk::{Field, Schema};

    use super::*;

    #[test]
    fn numbers_that_all_have_to_be_compared_are_found_with_the_column_in_front() {
        let meta = Field::new("meta", Layout::Struct(vec![Field::float64("score")]));
        let schema = Schema::new(vec![Field::int64("n"), Field::utf8("text"), meta]);
        let of = |source: &str| {
            let found = Expression::new(source, &schema).unwrap().comparisons();
            let shown = found.iter().map(|one| {
                let path = one.path.join(".");
                let operand = if one.of_size { format!("size({path})") } else { path };
                format!("{operand} {} {}", one.operator, one.with)
            });
            shown.collect::<Vec<_>>()
        };
        assert_eq!(
            of("n >= 20 && size(text) < 1000 && meta.score > -0.5"),
            ["n >= 20", "size(text) < 1000", "meta.score > -0.5"]
        );
        assert_eq!(of("20 < n"), ["n > 20"]);
        assert_eq!(of("n == 1 || n > 3"), [] as [&str; 0]);
        assert_eq!(of("!(n > 3) && text > 'a' && n + 1 > 3 && n != 4"), [] as [&str; 0]);
    }
}
