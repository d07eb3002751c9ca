//! Calls: of functions, and of what is given more than values, such as `has` and `exists`.

use regex::Regex;

use super::{Checker, Typed, exactly, words};
use crate::functions::{self, Function};
use crate::node::{Each, Node, What};
use crate::syntax::{Fault, Kind, Part};
use crate::template::Template;
use crate::types::Type;
use crate::value::Value;

impl Checker<'_> {
    pub(super) fn call(&mut self, name: &str, arguments: &[Part], at: usize) -> Result<Typed, Fault> {
        match (name, arguments) {
            ("has", [of]) => match &of.kind {
                Kind::Member(..) | Kind::Index(_) | Kind::Name(_) => {
                    let of = Node::IsNull(Box::new(self.part(of)?.0));
                    Ok((Node::Not(Box::new(of)), Type::Bool))
                }
                _ => Err(Fault::new(at, "`has` is given a column or a member of one: `has(meta.score)`")),
            },
            ("coalesce", [_, ..]) => self.coalesce(arguments, at),
            ("matches", [of, pattern]) => {
                let (node, regex) = self.pattern("matches", of, pattern)?;
                Ok((Node::Matches(Box::new(node), regex), Type::Bool))
            }
            ("extract", [of, pattern]) => {
                let (node, regex) = self.pattern("extract", of, pattern)?;
                Ok((Node::Extract(Box::new(node), regex), Type::Text))
            }
            ("extractAll", [of, pattern]) => {
                let (node, regex) = self.pattern("extractAll", of, pattern)?;
                Ok((Node::ExtractAll(Box::new(node), regex), Type::List(Box::new(Type::Text))))
            }
            ("regexReplace", [of, pattern, to]) => {
                let (node, regex) = self.pattern("regexReplace", of, pattern)?;
                let (to_node, _) = self.part(to)?;
                let Some(Value::Text(text)) = to_node.constant() else {
                    let what =
                        "what `regexReplace` puts in is written as a text: regexReplace(text, r'(\\d+)', '<$1>')";
                    return Err(Fault::new(to.at, what));
                };
                let template = Template::new(&text, &regex).map_err(|what| Fault::new(to.at, what))?;
                Ok((Node::Replace(Box::new(node), regex, template), Type::Text))
            }
            ("json", [of]) => match self.part(of)? {
                (node, Type::Text | Type::Null) => Ok((Node::Json(Box::new(node), vec![]), Type::Json)),
                (_, ty) => Err(Fault::new(of.at, format!("{}, and `json` reads text", words::shown(of, &ty)))),
            },
            ("contains", [of, item]) => {
                let (node, ty) = self.part(of)?;
                match ty {
                    Type::List(_) => {
                        let left = self.part(item)?;
                        Ok((self.among(left, (node, ty), (item, of), at)?, Type::Bool))
                    }
                    _ => self.function(name, arguments, at),
                }
            }
            _ => match (What::of(name), arguments) {
                (Some(what), [of, item, body @ ..]) if (1..=2).contains(&body.len()) => {
                    self.each(what, of, item, body, at)
                }
                (Some(_), _) => {
                    Err(Fault::new(at, format!("`{name}` is written `list.{name}(x, …)`, x being an item")))
                }
                (None, _) => self.function(name, arguments, at),
            },
        }
    }

    fn coalesce(&mut self, arguments: &[Part], at: usize) -> Result<Typed, Fault> {
        let parts: Vec<Typed> = arguments.iter().map(|part| self.part(part)).collect::<Result<_, _>>()?;
        let decimal = parts.iter().any(|(_, ty)| *ty == Type::Decimal);
        let (mut nodes, mut ty) = (vec![], Type::Null);
        for (node, of) in parts {
            let (node, of) = match node {
                Node::Written(_, Some(_)) if decimal => (exactly(node, &Type::Decimal), Type::Decimal),
                node => (node, of),
            };
            let Some(both) = ty.clone().or(of.clone()) else {
                return Err(Fault::new(at, format!("`coalesce` is given {ty} and {of}, and one type is expected")));
            };
            ty = both;
            nodes.push(node);
        }
        Ok((Node::Coalesce(nodes), ty))
    }

    fn pattern(&mut self, name: &str, of: &Part, pattern: &Part) -> Result<(Node, Regex), Fault> {
        let (node, ty) = self.part(of)?;
        if !matches!(ty, Type::Text | Type::Null) {
            return Err(Fault::new(of.at, format!("{}, and `{name}` looks into text", words::shown(of, &ty))));
        }
        let (pattern_node, _) = self.part(pattern)?;
        let Some(Value::Text(text)) = pattern_node.constant() else {
            return Err(Fault::new(
                pattern.at,
                format!("the pattern of `{name}` is written as a text: {name}(text, r'^\\d+$')"),
            ));
        };
        let regex = Regex::new(&text).map_err(|error| {
            // The last line says what; those before it draw the pattern.
            let what = error.to_string();
            let what = what.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Fault::new(pattern.at, format!("the pattern of `{name}` is not a regular expression: {what}"))
        })?;
        Ok((node, regex))
    }

    fn each(&mut self, what: What, of: &Part, item: &Part, body: &[Part], at: usize) -> Result<Typed, Fault> {
        let (node, ty) = self.part(of)?;
        let items = match &ty {
            Type::List(items) | Type::Map(items, _) => (**items).clone(),
            Type::Null => Type::Null,
            _ => return Err(Fault::new(at, format!("{}, and neither a list nor a map", words::shown(of, &ty)))),
        };
        let Kind::Name(name) = &item.kind else {
            return Err(Fault::new(item.at, "a name for the items is expected: `tags.exists(tag, tag == \"a\")`"));
        };
        self.locals.push((name.clone(), items.clone()));
        let within = self.within_each(what, body, at);
        self.locals.pop();
        let (body, made) = within?;
        let (made, given) = match (what, made) {
            (What::Map, Some((node, ty))) => (Some(node), Type::List(Box::new(ty))),
            (What::Filter, _) => (None, Type::List(Box::new(items))),
            _ => (None, Type::Bool),
        };
        Ok((Node::Each(Box::new(Each { what, of: node, body, made })), given))
    }

    /// The condition on items, and what `map` makes of one.
    fn within_each(&mut self, what: What, body: &[Part], at: usize) -> Result<(Node, Option<Typed>), Fault> {
        match (what, body) {
            (What::Map, [made]) => Ok((Node::Constant(Value::Bool(true)), Some(self.part(made)?))),
            (What::Map, [condition, made]) => Ok((self.condition(condition)?, Some(self.part(made)?))),
            (_, [condition]) => Ok((self.condition(condition)?, None)),
            _ => Err(Fault::new(at, "one condition on the items is expected")),
        }
    }

    fn function(&mut self, name: &str, arguments: &[Part], at: usize) -> Result<Typed, Fault> {
        let known: Vec<&'static Function> = functions::all().filter(|function| function.name == name).collect();
        if known.is_empty() {
            if functions::SPECIAL.contains(&name) {
                return Err(Fault::new(
                    at,
                    format!("`{name}` is given {} arguments, which is not how it is called", arguments.len()),
                ));
            }
            let what = format!("there is no function `{name}`{}", functions::instead_of(name));
            return Err(Fault::new(at, what));
        }
        let typed: Vec<Typed> = arguments.iter().map(|part| self.part(part)).collect::<Result<_, _>>()?;
        let fits = |function: &&&'static Function| {
            function.takes.len() == typed.len()
                && function.takes.iter().zip(&typed).all(|(takes, (_, ty))| takes.accepts(ty))
        };
        let Some(function) = known.iter().find(fits) else {
            let given: Vec<String> = typed.iter().map(|(_, ty)| ty.to_string()).collect();
            return Err(Fault::new(at, words::uncallable(name, &given, &known)));
        };
        let ty = function.gives.ty(typed.first().map(|(_, ty)| ty));
        let exact = if name == "decimal" { Type::Decimal } else { Type::Null };
        let nodes = typed.into_iter().map(|(node, _)| exactly(node, &exact)).collect();
        Ok((Node::Call(function, nodes), ty))
    }
}
