//! What a policy's text, or a request's parameter, comes to before anything is known of its meaning.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Nothing.
    Null,
    /// A switch.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A text.
    Text(String),
    /// Several values.
    List(Vec<Self>),
    /// Values by name, in their order; a name may be there more than once.
    Object(Vec<Member>),
}

/// A value with its names: `path "x" { }` has two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The names, at least one.
    pub keys: Vec<String>,
    /// The value.
    pub value: Node,
    /// The line of the `=` between them; 0 where there is none.
    pub line: usize,
}

impl Node {
    /// A single value as text: what tells two of them apart, whether they were written as texts or not.
    fn scalar(&self) -> Option<&str> {
        match self {
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Number(text) | Self::Text(text) => Some(text),
            Self::Null | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// Whether `self`, of a policy, stands for `value`, of a request. A text may have a `*` at either end.
    pub fn stands_for(&self, value: &Self) -> bool {
        match (self, value) {
            (Self::Text(pattern), Self::Text(text)) => globs(pattern, text),
            (Self::List(ours), Self::List(theirs)) => {
                ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(our, their)| our.stands_for(their))
            }
            (our, their) => match (our.scalar(), their.scalar()) {
                (Some(our), Some(their)) => our == their,
                (Some(_) | None, Some(_) | None) => our == their,
            },
        }
    }
}

fn globs(pattern: &str, text: &str) -> bool {
    if pattern.len() < 2 {
        return pattern == text;
    }
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => text.contains(rest.strip_suffix('*').unwrap_or(rest)),
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => pattern == text,
    }
}

/// From JSON. Names that are there twice are kept twice: the second must not hide what the first denies.
impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, switch: bool) -> Result<Node, E> {
        Ok(Node::Bool(switch))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Number(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = map.next_entry()? {
            members.push(Member { keys: vec![key], value, line: 1 });
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(json: &str) -> Node {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_text_may_have_a_star_at_either_end() {
        for (pattern, text, fits) in [
            ("corp-*", "corp-1", true),
            ("corp-*", "xcorp-1", false),
            ("*-eu", "a-eu", true),
            ("*mid*", "a-mid-b", true),
            ("a*b", "axb", false),
            ("*", "x", false),
            ("*", "*", true),
            ("**", "x", true),
            ("", "", true),
        ] {
            assert_eq!(globs(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_number_is_the_same_as_its_text() {
        assert!(node("\"8\"").stands_for(&node("8")));
        assert!(node("8").stands_for(&node("\"8\"")));
        assert!(node("true").stands_for(&node("true")));
        assert!(!node("8").stands_for(&node("80")));
        assert!(node("[\"a*\",1]").stands_for(&node("[\"ab\",1]")));
        assert!(!node("[\"a\"]").stands_for(&node("\"a\"")));
        assert!(!node("\"a\"").stands_for(&node("[\"a\"]")));
        assert!(node("null").stands_for(&node("null")));
    }

    #[test]
    fn a_name_given_twice_is_kept_twice() {
        let Node::Object(members) = node("{\"a\":1,\"a\":2}") else { panic!("an object") };
        assert_eq!(members.len(), 2);
    }
}
