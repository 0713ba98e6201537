//! What fields must keep to, and how a breach is told: before any state is looked at, and without counting as an attempt.

use super::message::camel;

/// What a field must keep to. An optional field that is not set keeps every rule but [`Rule::Required`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// It must be set.
    Required,
    /// A text of so many characters.
    Runes(usize, usize),
    /// A list of at most so many.
    AtMost(usize),
    /// An enumeration's value other than the one that says nothing.
    Specified,
    /// More than nothing.
    Positive,
}

/// Ids, names, passwords and tokens: 1 to 200 characters.
pub(super) const NAME: Rule = Rule::Runes(1, 200);
/// The same, or nothing.
pub(super) const NAME_OR_NONE: Rule = Rule::Runes(0, 200);

/// A rule that a message breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Breach(String);

impl Breach {
    /// The field `name` of `message` should be otherwise.
    pub(super) fn of(message: &str, name: &str, why: &str) -> Self {
        Self(format!("invalid {}: {why}", place(message, name)))
    }

    /// The same, in the field `name` of `message`.
    pub(super) fn inside(self, message: &str, name: &str) -> Self {
        Self(format!("invalid {}: embedded message failed validation | caused by: {}", place(message, name), self.0))
    }

    /// All of it.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

fn place(message: &str, name: &str) -> String {
    let name = camel(name);
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format!("{message}.{}{}", first.map(String::from).unwrap_or_default(), letters.as_str())
}
