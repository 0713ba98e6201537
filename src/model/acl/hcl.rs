//! The language that policies are written in: HCL, first version, as far as policies use it.
//!
//! <https://github.com/hashicorp/hcl/tree/hcl1>: members `key = value` and `key "label" { }`, comments, strings, heredocs, numbers, switches,
//! lists, objects. No interpolation. It never panics and never recurses deeper than [`DEEPEST`].

use super::node::{Member, Node};

/// How deep lists and objects may nest.
const DEEPEST: usize = 16;

/// Where and why a text is not in the language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// The members of `text`.
pub(super) fn parse(text: &str) -> Result<Vec<Member>, SyntaxError> {
    Parser { text, at: 0, line: 1, depth: 0 }.members(false)
}

struct Parser<'a> {
    text: &'a str,
    /// How many bytes have been read.
    at: usize,
    /// The line that comes next, from 1.
    line: usize,
    /// How many lists and objects are open.
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.skip(next.len_utf8());
        Some(next)
    }

    fn skip(&mut self, bytes: usize) {
        let skipped = self.rest().get(..bytes).unwrap_or(self.rest());
        self.line = self.line.saturating_add(skipped.matches('\n').count());
        self.at = self.at.saturating_add(skipped.len());
    }

    fn eat(&mut self, token: &str) -> bool {
        let is_next = self.rest().starts_with(token);
        if is_next {
            self.skip(token.len());
        }
        is_next
    }

    /// What is left of the line, without its end, which is left to be read.
    fn line(&mut self) -> &'a str {
        let rest = self.rest();
        let line = rest.split_once('\n').map_or(rest, |(line, _)| line);
        self.skip(line.len());
        line.strip_suffix('\r').unwrap_or(line)
    }

    fn error(&self, what: &'static str) -> SyntaxError {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let here = before.rsplit_once('\n').map_or(before, |(_, here)| here);
        SyntaxError { line: self.line, column: here.chars().count().saturating_add(1), what }
    }

    /// Skip blanks and comments.
    fn blank(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = self.rest();
            self.skip(rest.len().saturating_sub(rest.trim_start().len()));
            if self.rest().starts_with('#') || self.rest().starts_with("//") {
                self.line();
            } else if self.rest().starts_with("/*") {
                let length = self.rest().find("*/").ok_or_else(|| self.error("comment not terminated"))?;
                self.skip(length.saturating_add(2));
            } else {
                return Ok(());
            }
        }
    }

    /// Members up to the end of the text, or to the `}` of an object.
    fn members(&mut self, in_object: bool) -> Result<Vec<Member>, SyntaxError> {
        let mut members = Vec::new();
        loop {
            self.blank()?;
            match self.peek() {
                None if in_object => return Err(self.error("object expected closing RBRACE got: EOF")),
                None => return Ok(members),
                Some('}') if in_object => {
                    self.next();
                    return Ok(members);
                }
                Some(_) => members.push(self.member()?),
            }
            self.blank()?;
            self.eat(",");
        }
    }

    fn member(&mut self) -> Result<Member, SyntaxError> {
        let mut keys = Vec::new();
        loop {
            self.blank()?;
            match self.peek() {
                Some('{') if !keys.is_empty() => return Ok(Member { keys, value: self.value()?, line: 0 }),
                Some('=') if keys.len() == 1 => {
                    self.next();
                    let line = self.line;
                    self.blank()?;
                    return Ok(Member { keys, value: self.value()?, line });
                }
                Some('"') => keys.push(self.string()?),
                Some(c) if is_first(c) => keys.push(self.word().into()),
                Some(_) | None if keys.is_empty() => return Err(self.error("a key was expected")),
                Some(_) | None => return Err(self.error("key expected start of object ('{') or assignment ('=')")),
            }
        }
    }

    fn value(&mut self) -> Result<Node, SyntaxError> {
        match self.peek() {
            Some('"') => Ok(Node::Text(self.string()?)),
            Some('[') => self.nested(Self::list),
            Some('{') => self.nested(|parser| parser.members(true).map(Node::Object)),
            Some('<') => self.heredoc(),
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => self.number(),
            Some(c) if is_first(c) => match self.word() {
                "true" => Ok(Node::Bool(true)),
                "false" => Ok(Node::Bool(false)),
                _ => Err(self.error("a text needs quotes")),
            },
            Some(_) | None => Err(self.error("a value was expected")),
        }
    }

    /// What `inside` reads behind the opening bracket.
    fn nested(&mut self, inside: impl FnOnce(&mut Self) -> Result<Node, SyntaxError>) -> Result<Node, SyntaxError> {
        self.next();
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEEPEST {
            return Err(self.error("nested too deeply"));
        }
        let node = inside(self)?;
        self.depth = self.depth.saturating_sub(1);
        Ok(node)
    }

    fn list(&mut self) -> Result<Node, SyntaxError> {
        let mut items = Vec::new();
        loop {
            self.blank()?;
            if self.eat("]") {
                return Ok(Node::List(items));
            }
            items.push(self.value()?);
            self.blank()?;
            if !self.eat(",") && self.peek() != Some(']') {
                return Err(self.error("list expected a comma or its end"));
            }
        }
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_first(c) && !c.is_numeric() && !matches!(c, '-' | '.')).unwrap_or(rest.len());
        self.skip(end);
        rest.get(..end).unwrap_or_default()
    }

    fn number(&mut self) -> Result<Node, SyntaxError> {
        let rest = self.rest();
        let end =
            rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '+' | '.')).unwrap_or(rest.len());
        let text = rest.get(..end).unwrap_or_default();
        let whole = match text.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        let written = match whole {
            Ok(number) => number.to_string(),
            Err(_) => text.parse::<f64>().map(|number| number.to_string()).map_err(|_| self.error("no number"))?,
        };
        self.skip(end);
        Ok(Node::Number(written))
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some('\n') | None => return Err(self.error("literal not terminated")),
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        if self.peek().is_some_and(|c| c.is_digit(8)) {
            return self.code(3, 8);
        }
        match self.next() {
            Some('n') => Ok('\n'),
            Some('t') => Ok('\t'),
            Some('r') => Ok('\r'),
            Some(c @ ('"' | '\\')) => Ok(c),
            Some('x') => self.code(2, 16),
            Some('u') => self.code(4, 16),
            Some('U') => self.code(8, 16),
            Some(_) | None => Err(self.error("illegal char escape")),
        }
    }

    /// The character with the code that these digits give.
    fn code(&mut self, digits: usize, radix: u32) -> Result<char, SyntaxError> {
        let code = self.rest().get(..digits).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = code.and_then(|code| u32::from_str_radix(code, radix).ok()).and_then(char::from_u32);
        self.skip(digits);
        code.ok_or_else(|| self.error("illegal char escape"))
    }

    /// `<<EOT` and lines up to `EOT`; after `<<-`, without the blanks that all its lines begin with.
    fn heredoc(&mut self) -> Result<Node, SyntaxError> {
        if !self.eat("<<") {
            return Err(self.error("a value was expected"));
        }
        let indented = self.eat("-");
        let anchor = self.line().trim();
        if anchor.is_empty() {
            return Err(self.error("zero-length heredoc anchor"));
        }
        let mut lines = Vec::new();
        loop {
            if !self.eat("\n") {
                return Err(self.error("heredoc not terminated"));
            }
            let line = self.line();
            if line.trim() == anchor {
                break;
            }
            lines.push(line);
        }
        let blanks = |line: &str| line.len().saturating_sub(line.trim_start().len());
        let cut = if indented { lines.iter().map(|line| blanks(line)).min().unwrap_or(0) } else { 0 };
        let text = lines.iter().flat_map(|line| [line.get(cut..).unwrap_or_default(), "\n"]).collect();
        Ok(Node::Text(text))
    }
}

/// Whether a word may begin so.
fn is_first(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Node {
        parse(&format!("k = {text}")).unwrap().remove(0).value
    }

    fn text(text: &str) -> Node {
        Node::Text(text.into())
    }

    #[test]
    fn members_are_told_by_keys_and_labels() {
        let members = parse("# c\na = 1 // d\n/* e */ path \"x\" { b = true, c = [\"d\", 2,] }\n\"q\" {}").unwrap();
        let shown: Vec<_> = members.iter().map(|member| (member.keys.join("|"), member.line)).collect();
        assert_eq!(shown, [("a".into(), 2), ("path|x".into(), 0), ("q".into(), 0)]);
        let Some(Member { value: Node::Object(inside), .. }) = members.get(1) else { panic!("an object") };
        assert_eq!(inside[1].value, Node::List(vec![text("d"), Node::Number("2".into())]));
    }

    #[test]
    fn values_are_read() {
        assert_eq!(value(r#""a\n\t\"\\\x41\u00e9\101""#), text("a\n\t\"\\AéA"));
        assert_eq!(value("0x1F"), Node::Number("31".into()));
        assert_eq!(value("-5"), Node::Number("-5".into()));
        assert_eq!(value("1.50"), Node::Number("1.5".into()));
        assert_eq!(value("<<E\n a\n  b\nE\n"), text(" a\n  b\n"));
        assert_eq!(value("<<-E\n a\n  b\n  E\n"), text("a\n b\n"));
        let behind = parse("a = <<E\nx\nE\nb = 1").unwrap();
        assert_eq!((behind.len(), behind[1].line), (2, 4));
    }

    #[test]
    fn what_is_not_the_language_is_refused_with_its_place() {
        let error = parse("path \"x\" {").unwrap_err();
        assert_eq!((error.line, error.column), (1, 11));
        for broken in [
            "a",
            "a =",
            "= 1",
            "a = b",
            "a = [",
            "a = [1 2]",
            "a = \"",
            "a = \"\n\"",
            "a = \"\\q\"",
            "a = \"\\x4\"",
            "}",
            "{}",
            "/*",
            "a = <<",
            "a = <<E\nx",
            "a = <",
            "a b = 1",
            "a = 1x",
            "a = \"\\ud800\"",
            "a = \"\\xé\"",
            "a = é",
        ] {
            assert!(parse(broken).is_err(), "{broken}");
        }
        assert!(parse(&format!("a = {}", "[".repeat(100_000))).is_err());
        assert!(parse(&"a {".repeat(100_000)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_upsets_the_parser(text in "\\PC{0,200}") {
            drop(parse(&text));
        }

        #[test]
        fn no_text_of_its_own_signs_upsets_it(text in "[a \"{}\\[\\]=<>\\-\n\\\\/*#x0é,.]{0,200}") {
            drop(parse(&text));
        }
    }
}
