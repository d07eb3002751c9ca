//! Tokens become a tree, by how strongly signs bind: `? :`, `||`, `&&`, comparisons and `in`, `+ -`, `* / %`, `! -`, and calls,
//! members and indices.

use super::lexer::{Token, tokens};
use super::{Fault, Kind, Part, Sign};
use crate::compare::Is;

/// How deep an expression may be nested: what walks it must not run out of stack.
const DEEPEST: u32 = 100;

/// The tree of an expression.
pub(crate) fn parse(source: &str) -> Result<Part, Fault> {
    let mut parser = Parser { tokens: tokens(source)?, next: 0, nested: 0 };
    let part = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(part),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    nested: u32,
}

impl Part {
    fn new(at: usize, kind: Kind) -> Result<Part, Fault> {
        let deepest = |parts: &[Part]| parts.iter().map(|part| part.depth).max().unwrap_or(0);
        let within = match &kind {
            Kind::List(parts) | Kind::All(parts) | Kind::Any(parts) | Kind::Call(_, parts) => deepest(parts),
            Kind::Index(parts) | Kind::Compare(_, parts) | Kind::In(parts) | Kind::Arithmetic(_, parts) => {
                deepest(&parts[..])
            }
            Kind::If(parts) => deepest(&parts[..]),
            Kind::Member(part, _) | Kind::Not(part) | Kind::Negate(part) => part.depth,
            _ => 0,
        };
        match within < DEEPEST {
            true => Ok(Part { at, depth: within + 1, kind }),
            false => Err(too_deep(at)),
        }
    }
}

fn too_deep(at: usize) -> Fault {
    Fault::new(at, format!("the expression is nested more than {DEEPEST} deep"))
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].1
    }

    fn at(&self) -> usize {
        self.tokens[self.next].0
    }

    fn advance(&mut self) -> Token {
        let token = self.tokens[self.next].1.clone();
        // The end stays.
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(found) if *found == sign);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), Fault> {
        match self.take(sign) {
            true => Ok(()),
            false => Err(self.unexpected(&format!("`{sign}`"))),
        }
    }

    fn unexpected(&self, expected: &str) -> Fault {
        let hint = match self.peek() {
            Token::Name(word) if word.eq_ignore_ascii_case("and") => "; and is written `&&`",
            Token::Name(word) if word.eq_ignore_ascii_case("or") => "; or is written `||`",
            Token::Name(word) if word.eq_ignore_ascii_case("is") => "; null is asked for with `== null`",
            Token::Name(word) if word.eq_ignore_ascii_case("not") => "; not is written `!(…)`",
            _ => "",
        };
        Fault::new(self.at(), format!("{} where {expected} is expected{hint}", self.peek().shown()))
    }

    fn expression(&mut self) -> Result<Part, Fault> {
        self.nested += 1;
        if self.nested > DEEPEST {
            return Err(too_deep(self.at()));
        }
        let condition = self.joined("||")?;
        let at = self.at();
        let part = match self.take("?") {
            true => {
                let then = self.expression()?;
                self.expect(":")?;
                let otherwise = self.expression()?;
                Part::new(at, Kind::If(Box::new([condition, then, otherwise])))?
            }
            false => condition,
        };
        self.nested -= 1;
        Ok(part)
    }

    /// Parts joined by `||`, or each of them by `&&`.
    fn joined(&mut self, sign: &str) -> Result<Part, Fault> {
        let any = sign == "||";
        let part = |parser: &mut Self| if any { parser.joined("&&") } else { parser.relation() };
        let at = self.at();
        let mut parts = vec![part(self)?];
        while self.take(sign) {
            parts.push(part(self)?);
        }
        match parts.len() {
            1 => Ok(parts.remove(0)),
            _ => Part::new(at, if any { Kind::Any(parts) } else { Kind::All(parts) }),
        }
    }

    fn relation(&mut self) -> Result<Part, Fault> {
        let mut left = self.sum()?;
        loop {
            let (at, is) = match self.peek() {
                Token::Sign(sign) => match Is::of(sign) {
                    Some(is) => (self.at(), Some(is)),
                    None => return Ok(left),
                },
                Token::Name(word) if word == "in" => (self.at(), None),
                _ => return Ok(left),
            };
            self.advance();
            let sides = Box::new([left, self.sum()?]);
            let kind = match is {
                Some(is) => Kind::Compare(is, sides),
                None => Kind::In(sides),
            };
            left = Part::new(at, kind)?;
        }
    }

    fn sum(&mut self) -> Result<Part, Fault> {
        self.arithmetic(&[Sign::Plus, Sign::Minus], |parser| {
            parser.arithmetic(&[Sign::Times, Sign::Over, Sign::Modulo], Parser::unary)
        })
    }

    fn arithmetic(&mut self, signs: &[Sign], of: fn(&mut Self) -> Result<Part, Fault>) -> Result<Part, Fault> {
        let mut left = of(self)?;
        loop {
            let at = self.at();
            let Some(sign) = signs.iter().copied().find(|sign| self.take(sign.as_str())) else { return Ok(left) };
            left = Part::new(at, Kind::Arithmetic(sign, Box::new([left, of(self)?])))?;
        }
    }

    fn unary(&mut self) -> Result<Part, Fault> {
        let at = self.at();
        for (sign, kind) in [("!", Kind::Not as fn(Box<Part>) -> Kind), ("-", Kind::Negate)] {
            let mut signs = 0_u32;
            while self.take(sign) {
                signs += 1;
            }
            if signs > 0 {
                let mut part = self.member()?;
                for _ in 0..signs {
                    part = Part::new(at, kind(Box::new(part)))?;
                }
                return Ok(part);
            }
        }
        self.member()
    }

    fn member(&mut self) -> Result<Part, Fault> {
        let mut part = self.primary()?;
        loop {
            let at = self.at();
            if self.take("[") {
                let index = self.expression()?;
                self.expect("]")?;
                part = Part::new(at, Kind::Index(Box::new([part, index])))?;
            } else if self.take(".") {
                let name = match self.peek() {
                    Token::Name(name) | Token::Quoted(name) => name.clone(),
                    _ => return Err(self.unexpected("a name")),
                };
                self.advance();
                part = match self.take("(") {
                    true => {
                        let mut arguments = vec![part];
                        self.list(")", &mut arguments)?;
                        Part::new(at + 1, Kind::Call(name, arguments))?
                    }
                    false => Part::new(at, Kind::Member(Box::new(part), name))?,
                };
            } else {
                return Ok(part);
            }
        }
    }

    fn primary(&mut self) -> Result<Part, Fault> {
        let at = self.at();
        let kind = match self.peek().clone() {
            Token::Int(value) => Kind::Int(value),
            Token::Float(text) => Kind::Float(text),
            Token::Text(text) => Kind::Text(text),
            Token::Bytes(bytes) => Kind::Bytes(bytes),
            Token::Quoted(name) => Kind::Name(name),
            Token::Name(word) => {
                self.advance();
                if self.take("(") {
                    let mut arguments = vec![];
                    self.list(")", &mut arguments)?;
                    return Part::new(at, Kind::Call(word, arguments));
                }
                return Part::new(
                    at,
                    match word.as_str() {
                        "null" => Kind::Null,
                        "true" => Kind::Bool(true),
                        "false" => Kind::Bool(false),
                        _ => Kind::Name(word),
                    },
                );
            }
            Token::Sign("(") => {
                self.advance();
                let part = self.expression()?;
                self.expect(")")?;
                return Ok(part);
            }
            Token::Sign("[") => {
                self.advance();
                let mut items = vec![];
                self.list("]", &mut items)?;
                return Part::new(at, Kind::List(items));
            }
            Token::Sign("{") => return Err(Fault::new(at, "maps cannot be written in an expression")),
            _ => return Err(self.unexpected("a value")),
        };
        self.advance();
        Part::new(at, kind)
    }

    /// What is separated by commas, to the closing sign; a comma may stand before it.
    fn list(&mut self, close: &str, parts: &mut Vec<Part>) -> Result<(), Fault> {
        while !self.take(close) {
            parts.push(self.expression()?);
            if !self.take(",") {
                return self.expect(close).map_err(|_| self.unexpected(&format!("`,` or `{close}`")));
            }
        }
        Ok(())
    }
}
