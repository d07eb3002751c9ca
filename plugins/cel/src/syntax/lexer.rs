//! What an expression is written with: names, numbers, text, bytes and signs.

use super::Fault;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(String),
    /// A name between backticks: never a word of the language.
    Quoted(String),
    Int(i128),
    Float(String),
    Text(String),
    Bytes(Vec<u8>),
    Sign(&'static str),
    End,
}

impl Token {
    /// As it is called in errors.
    pub(super) fn shown(&self) -> String {
        match self {
            Token::Name(name) | Token::Quoted(name) => format!("`{name}`"),
            Token::Int(value) => format!("`{value}`"),
            Token::Float(text) => format!("`{text}`"),
            Token::Text(_) => "a text".into(),
            Token::Bytes(_) => "bytes".into(),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::End => "the end".into(),
        }
    }
}

const SIGNS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "(", ")", "[", "]", "{", "}", ".", ",",
    "?", ":",
];

/// All tokens of `source`, each with the byte where it begins; the last is the end.
pub(super) fn tokens(source: &str) -> Result<Vec<(usize, Token)>, Fault> {
    let (mut tokens, mut at) = (vec![], 0);
    loop {
        at += blank(&source[at..]);
        let rest = &source[at..];
        let Some(first) = rest.chars().next() else {
            tokens.push((at, Token::End));
            return Ok(tokens);
        };
        let second = rest[first.len_utf8()..].chars().next();
        let (token, length) = match first {
            '0'..='9' => number(rest, at)?,
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => number(rest, at)?,
            '`' => match rest[1..].find('`') {
                Some(length @ 1..) => (Token::Quoted(rest[1..=length].to_owned()), length + 2),
                _ => return Err(Fault::new(at, "a name that begins with a backtick does not end with one")),
            },
            _ => match quote(rest) {
                Some(quote) => literal(rest, at, quote)?,
                None if first.is_alphabetic() || first == '_' => {
                    let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                    (Token::Name(rest[..length].to_owned()), length)
                }
                None => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                    Some(sign) => (Token::Sign(sign), sign.len()),
                    None => return Err(Fault::new(at, unknown(first))),
                },
            },
        };
        tokens.push((at, token));
        at += length;
    }
}

fn unknown(sign: char) -> String {
    let instead = match sign {
        '=' => "; `==` compares",
        '&' => "; `&&` is and",
        '|' => "; `||` is or",
        _ => "",
    };
    format!("`{}` is not valid in an expression{instead}", sign.escape_debug())
}

/// How many bytes of white space and comments there are.
fn blank(source: &str) -> usize {
    let mut rest = source;
    loop {
        rest = rest.trim_start();
        if !rest.starts_with("//") {
            return source.len() - rest.len();
        }
        rest = rest.find('\n').map_or("", |end| &rest[end..]);
    }
}

fn number(rest: &str, at: usize) -> Result<(Token, usize), Fault> {
    let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
    if let Some(hex) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
        let length = hex.bytes().take_while(u8::is_ascii_hexdigit).count();
        return integer(&hex[..length], 16, rest, 2 + length, at);
    }
    let mut end = digits(0);
    let whole = end;
    if rest[end..].starts_with('.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if rest[end..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
        match digits(end + 1 + sign) {
            0 => return Err(Fault::new(at, format!("`{}` has no digits after its exponent", &rest[..=end]))),
            exponent => end += 1 + sign + exponent,
        }
    }
    if end == whole {
        return integer(&rest[..end], 10, rest, end, at);
    }
    let value = rest[..end].parse::<f64>();
    if !value.is_ok_and(f64::is_finite) {
        return Err(Fault::new(at, format!("`{}` is too large for a number with a point", &rest[..end])));
    }
    Ok((Token::Float(rest[..end].to_owned()), end))
}

fn integer(digits: &str, radix: u32, rest: &str, mut end: usize, at: usize) -> Result<(Token, usize), Fault> {
    // CEL's unsigned integers: all integers are of one type here.
    end += usize::from(rest[end..].starts_with(['u', 'U']));
    match i128::from_str_radix(digits, radix) {
        Ok(value) if value <= i128::from(u64::MAX) => Ok((Token::Int(value), end)),
        _ => Err(Fault::new(at, format!("`{}` is not a 64-bit integer", &rest[..end]))),
    }
}

/// How a text or bytes are quoted.
struct Quote {
    raw: bool,
    bytes: bool,
    /// Where the first mark begins.
    start: usize,
    mark: &'static str,
}

fn quote(rest: &str) -> Option<Quote> {
    let start = rest.bytes().take(3).position(|byte| matches!(byte, b'"' | b'\''))?;
    let (mut raw, mut bytes) = (false, false);
    for letter in rest[..start].chars() {
        match letter {
            'r' | 'R' if !raw => raw = true,
            'b' | 'B' if !bytes && !raw => bytes = true,
            _ => return None,
        }
    }
    let mark = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|mark| rest[start..].starts_with(mark))?;
    Some(Quote { raw, bytes, start, mark })
}

fn literal(rest: &str, at: usize, quote: Quote) -> Result<(Token, usize), Fault> {
    let (mut value, mut i) = (vec![], quote.start + quote.mark.len());
    loop {
        if rest[i..].starts_with(quote.mark) {
            i += quote.mark.len();
            break;
        }
        match rest[i..].chars().next() {
            Some('\\') if !quote.raw => i += escape(&rest[i..], at + i, quote.bytes, &mut value)?,
            Some(c) if c != '\n' || quote.mark.len() == 3 => {
                value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                i += c.len_utf8();
            }
            _ => return Err(Fault::new(at, format!("a text is not closed: `{}` is missing", quote.mark))),
        }
    }
    let token = match quote.bytes {
        true => Token::Bytes(value),
        // Escapes of text are whole characters.
        false => Token::Text(String::from_utf8(value).map_err(|error| Fault::new(at, error.to_string()))?),
    };
    Ok((token, i))
}

/// Adds what the escape that `rest` begins with stands for; how long the escape is.
fn escape(rest: &str, at: usize, bytes: bool, value: &mut Vec<u8>) -> Result<usize, Fault> {
    let wrong = || {
        let shown: String = rest.chars().take(2).collect();
        Fault::new(at, format!("`{shown}` is not an escape: a backslash is written `\\\\`, or the text as r'…'"))
    };
    let letter = rest[1..].chars().next().ok_or_else(wrong)?;
    let (radix, skip, digits) = match letter {
        'x' | 'X' => (16, 2, 2),
        'u' if !bytes => (16, 2, 4),
        'U' if !bytes => (16, 2, 8),
        '0'..='3' => (8, 1, 3),
        _ => {
            value.push(match letter {
                'a' => 7,
                'b' => 8,
                'f' => 12,
                'n' => b'\n',
                'r' => b'\r',
                't' => b'\t',
                'v' => 11,
                '\\' | '?' | '"' | '\'' | '`' => letter as u8,
                _ => return Err(wrong()),
            });
            return Ok(2);
        }
    };
    let code = rest.get(skip..skip + digits).filter(|code| code.chars().all(|c| c.is_digit(radix)));
    let code = code.and_then(|code| u32::from_str_radix(code, radix).ok()).ok_or_else(wrong)?;
    match bytes {
        true => value.push(code as u8),
        false => {
            let c = char::from_u32(code).ok_or_else(wrong)?;
            value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    Ok(skip + digits)
}
