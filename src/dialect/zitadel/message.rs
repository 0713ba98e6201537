//! Messages: each is described once, and read and written as the protocol's JSON form wants it, over REST and Connect alike.
//!
//! [`message!`](super::message!) declares a message, [`enumeration!`](super::enumeration!) an enumeration. A field's type says everything else:
//!
//! | type | is | unset, and then not written |
//! |---|---|---|
//! | `bool`, `u32`, `u64`, `i64`, `String`, `Secret<String>`, `Bytes`, an enumeration | a plain field | `false`, `0`, `""`, value 0 |
//! | `Option` of anything | a field that is known to be set: `optional`, a member of a `oneof`, a message | `None` |
//! | a message, `Duration`, `Timestamp` | a message that is always there | never |
//! | `Vec`, `BTreeMap<String, _>` | a repeated field, a map | empty |
//! | `Struct` | any JSON object | |
//!
//! What a request must keep to stands behind `where`; members of one `oneof` are listed behind the message's name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::rule::{Breach, Rule};
use super::sent::{Mismatch, Sent};

/// What a field can hold.
pub(super) trait Field: Sized {
    /// What it holds when nobody says.
    fn unset() -> Self;

    /// What it holds when `sent`, which is never [`Sent::Null`], is said of the field `name`.
    ///
    /// # Errors
    /// When that is of another kind.
    fn read(sent: Sent, name: &str) -> Result<Self, Mismatch>;

    /// Whether it is to be written.
    fn is_set(&self) -> bool;

    /// How it is written, set or not.
    fn show(&self) -> Value;

    /// Whether what is in it keeps its own rules.
    ///
    /// # Errors
    /// The first breach.
    fn check(&self) -> Result<(), Breach> {
        Ok(())
    }

    /// Whether it keeps `rule`. By itself no kind of field knows any.
    ///
    /// # Errors
    /// What it should be like.
    fn obey(&self, _rule: Rule) -> Result<(), String> {
        Ok(())
    }
}

/// A message: a field that has fields.
pub(super) trait Message: Field {
    /// What it is called where a rule is broken.
    const NAME: &'static str;
}

impl<T: Field> Field for Option<T> {
    fn unset() -> Self {
        None
    }

    fn read(sent: Sent, name: &str) -> Result<Self, Mismatch> {
        T::read(sent, name).map(Some)
    }

    fn is_set(&self) -> bool {
        self.is_some()
    }

    fn show(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::show)
    }

    fn check(&self) -> Result<(), Breach> {
        self.as_ref().map_or(Ok(()), T::check)
    }

    fn obey(&self, rule: Rule) -> Result<(), String> {
        match self {
            None if rule == Rule::Required => Err("value is required".into()),
            None => Ok(()),
            Some(value) => value.obey(rule),
        }
    }
}

/// A message inside one of its own kind.
impl<T: Field> Field for Box<T> {
    fn unset() -> Self {
        Self::new(T::unset())
    }

    fn read(sent: Sent, name: &str) -> Result<Self, Mismatch> {
        T::read(sent, name).map(Self::new)
    }

    fn is_set(&self) -> bool {
        T::is_set(self)
    }

    fn show(&self) -> Value {
        T::show(self)
    }

    fn check(&self) -> Result<(), Breach> {
        T::check(self)
    }

    fn obey(&self, rule: Rule) -> Result<(), String> {
        T::obey(self, rule)
    }
}

impl<T: Field> Field for Vec<T> {
    fn unset() -> Self {
        Self::new()
    }

    fn read(sent: Sent, name: &str) -> Result<Self, Mismatch> {
        match sent {
            Sent::List(items) => items.into_iter().map(|item| T::read(item, name)).collect(),
            Sent::Words(words) => words.into_iter().map(|word| T::read(Sent::Words(vec![word]), name)).collect(),
            Sent::Null | Sent::Bool(_) | Sent::Number(_) | Sent::Text(_) | Sent::Object(_) => {
                Err(Mismatch::of("repeated", name))
            }
        }
    }

    fn is_set(&self) -> bool {
        !self.is_empty()
    }

    fn show(&self) -> Value {
        Value::Array(self.iter().map(T::show).collect())
    }

    fn check(&self) -> Result<(), Breach> {
        self.iter().try_for_each(T::check)
    }

    fn obey(&self, rule: Rule) -> Result<(), String> {
        match rule {
            Rule::AtMost(most) if self.len() > most => Err(format!("value must contain no more than {most} item(s)")),
            Rule::AtMost(_) => Ok(()),
            Rule::Required | Rule::Runes(..) | Rule::Specified | Rule::Positive => {
                self.iter().try_for_each(|item| item.obey(rule))
            }
        }
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    fn unset() -> Self {
        Self::new()
    }

    fn read(sent: Sent, name: &str) -> Result<Self, Mismatch> {
        let Sent::Object(members) = sent else { return Err(Mismatch::of("map", name)) };
        members.into_entries().map(|(key, sent)| Ok((key, T::read(sent, name)?))).collect()
    }

    fn is_set(&self) -> bool {
        !self.is_empty()
    }

    fn show(&self) -> Value {
        Value::Object(self.iter().map(|(key, value)| (key.clone(), value.show())).collect())
    }

    fn check(&self) -> Result<(), Breach> {
        self.values().try_for_each(T::check)
    }
}

/// `field` as a member of an object, if it is set.
pub(super) fn member(name: &str, field: &impl Field) -> Option<(String, Value)> {
    field.is_set().then(|| (camel(name), field.show()))
}

/// An object with those of these members that are set.
pub(super) fn object(members: Vec<Option<(String, Value)>>) -> Value {
    Value::Object(members.into_iter().flatten().collect())
}

/// Whether the field `name` of `message` keeps the rule, if there is one, and its own.
pub(super) fn checked(
    message: &'static str,
    name: &'static str,
    field: &impl Field,
    rule: Option<Rule>,
) -> Result<(), Breach> {
    if let Some(rule) = rule {
        field.obey(rule).map_err(|why| Breach::of(message, name, &why))?;
    }
    field.check().map_err(|breach| breach.inside(message, name))
}

/// That at most one of these members of a `oneof` is set.
pub(super) fn at_most_one(members: &[(&str, bool)]) -> Result<(), Mismatch> {
    let mut set = members.iter().filter(|(_, is_set)| *is_set);
    match (set.next(), set.next()) {
        (Some(_), Some((second, _))) => {
            Err(Mismatch(format!("error parsing {:?}, oneof is already set", camel(second))))
        }
        _ => Ok(()),
    }
}

/// A field's name as it is written: `user_id` is `userId`.
pub(super) fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut raise = false;
    for character in name.trim_start_matches("r#").chars() {
        match character {
            '_' => raise = true,
            character if raise => {
                out.push(character.to_ascii_uppercase());
                raise = false;
            }
            character => out.push(character),
        }
    }
    out
}

/// Whether `sent` and `name` are one field's, in whatever spelling.
pub(super) fn name_of(sent: &str, name: &str) -> bool {
    sent == name || camel(sent) == camel(name)
}

/// Declare messages.
///
/// ```ignore
/// message! {
///     /// Whom a session is about.
///     pub(super) struct CheckUser one_of(user_id, login_name) {
///         pub(super) user_id: Option<String> where Rule::Runes(1, 200),
///         pub(super) login_name: Option<String> where Rule::Runes(1, 200),
///     }
/// }
/// ```
///
/// A name in brackets behind the message's is what the protocol calls it, where that is something else: `struct CheckTotp("CheckTOTP")`.
macro_rules! message {
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $name:ident $(($wire:literal))? $(one_of($($member:ident),+))* {
            $( $(#[$field_meta:meta])* $field_vis:vis $field:ident: $kind:ty $(where $rule:expr)? ),* $(,)?
        }
    )*) => {$(
        $(#[$meta])*
        $vis struct $name {
            $( $(#[$field_meta])* $field_vis $field: $kind, )*
        }

        impl Default for $name {
            fn default() -> Self {
                <Self as $crate::dialect::zitadel::message::Field>::unset()
            }
        }

        impl $crate::dialect::zitadel::message::Message for $name {
            const NAME: &'static str = $crate::dialect::zitadel::message::message!(@name $name $($wire)?);
        }

        impl $crate::dialect::zitadel::message::Field for $name {
            fn unset() -> Self {
                Self { $( $field: $crate::dialect::zitadel::message::Field::unset(), )* }
            }

            fn read(
                sent: $crate::dialect::zitadel::sent::Sent,
                name: &str,
            ) -> Result<Self, $crate::dialect::zitadel::sent::Mismatch> {
                let mut members = sent.into_members(name)?;
                let message = Self { $( $field: members.take(stringify!($field))?, )* };
                // What is left means nothing here.
                members.clear();
                $( $crate::dialect::zitadel::message::at_most_one(&[
                    $( (stringify!($member), $crate::dialect::zitadel::message::Field::is_set(&message.$member)), )+
                ])?; )*
                Ok(message)
            }

            fn is_set(&self) -> bool {
                true
            }

            fn show(&self) -> serde_json::Value {
                $crate::dialect::zitadel::message::object(vec![
                    $( $crate::dialect::zitadel::message::member(stringify!($field), &self.$field), )*
                ])
            }

            fn check(&self) -> Result<(), $crate::dialect::zitadel::rule::Breach> {
                $( $crate::dialect::zitadel::message::checked(
                    <Self as $crate::dialect::zitadel::message::Message>::NAME,
                    stringify!($field),
                    &self.$field,
                    $crate::dialect::zitadel::message::message!(@rule $($rule)?),
                )?; )*
                Ok(())
            }
        }
    )*};
    (@name $name:ident) => { stringify!($name) };
    (@name $name:ident $wire:literal) => { $wire };
    (@rule) => { None };
    (@rule $rule:expr) => { Some($rule) };
}
pub(super) use message;

/// Declare an enumeration: each value with its number and the names it is known by. The first name is the one that is written; the value with
/// the number 0 comes first, and stands for every name and number that is unknown.
///
/// ```ignore
/// enumeration! {
///     /// How a passkey is asked for.
///     pub(super) enum Passkeys {
///         /// Not at all.
///         NotAllowed = 0 "PASSKEYS_TYPE_NOT_ALLOWED",
///         /// Where there is one.
///         Allowed = 1 "PASSKEYS_TYPE_ALLOWED",
///     }
/// }
/// ```
macro_rules! enumeration {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $(#[$zero_meta:meta])* $zero:ident = 0 $($zero_word:literal)|+,
            $( $(#[$value_meta:meta])* $value:ident = $number:literal $first:literal $(| $word:literal)* ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name {
            $(#[$zero_meta])* $zero,
            $( $(#[$value_meta])* $value, )*
        }

        impl $crate::dialect::zitadel::message::Field for $name {
            fn unset() -> Self {
                Self::$zero
            }

            fn read(
                sent: $crate::dialect::zitadel::sent::Sent,
                name: &str,
            ) -> Result<Self, $crate::dialect::zitadel::sent::Mismatch> {
                Ok(match $crate::dialect::zitadel::scalar::choice(&sent, name)? {
                    $( $crate::dialect::zitadel::scalar::Choice::Number($number) => Self::$value,
                    $crate::dialect::zitadel::scalar::Choice::Name($first $(| $word)*) => Self::$value, )*
                    $crate::dialect::zitadel::scalar::Choice::Number(_)
                    | $crate::dialect::zitadel::scalar::Choice::Name(_) => Self::$zero,
                })
            }

            fn is_set(&self) -> bool {
                *self != Self::$zero
            }

            fn show(&self) -> serde_json::Value {
                match self {
                    Self::$zero => [$($zero_word),+][0].into(),
                    $( Self::$value => $first.into(), )*
                }
            }

            fn obey(&self, rule: $crate::dialect::zitadel::rule::Rule) -> Result<(), String> {
                let fails = rule == $crate::dialect::zitadel::rule::Rule::Specified && *self == Self::$zero;
                if fails { Err("value must not be in list [0]".into()) } else { Ok(()) }
            }
        }
    };
}
pub(super) use enumeration;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::error::Error;
    use super::super::sent::Members;
    use super::*;

    enumeration! {
        /// What is asked for.
        enum Wish {
            Nothing = 0 "WISH_UNSPECIFIED",
            Tea = 1 "WISH_TEA",
            Coffee = 2 "WISH_COFFEE" | "WISH_MOCHA",
        }
    }

    message! {
        struct Guest {
            login_name: Option<String> where Rule::Runes(1, 3),
            wish: Wish,
        }

        struct Visit("VisitRequest") one_of(by_train, on_foot) {
            guests: Vec<Guest> where Rule::AtMost(2),
            host: Option<Guest> where Rule::Required,
            by_train: Option<bool>,
            on_foot: Option<bool>,
            length: u64,
            r#type: String where Rule::Runes(0, 4),
        }

        struct Empty {}
    }

    fn visit(body: &Value) -> Result<Visit, Error> {
        Members::of_body(body.to_string().as_bytes())?.read()
    }

    fn refusal(body: &Value) -> String {
        visit(body).err().expect("a refusal").text().to_owned()
    }

    #[test]
    fn names_are_taken_in_both_spellings_and_written_in_one() {
        for body in [
            json!({ "host": { "loginName": "a" }, "by_train": true }),
            json!({ "host": { "login_name": "a" }, "byTrain": true }),
        ] {
            let shown = visit(&body).ok().unwrap().show();
            assert_eq!(shown, json!({ "host": { "loginName": "a" }, "byTrain": true }));
        }
        assert!(refusal(&json!({ "host": {}, "by_train": true, "byTrain": true })).contains("duplicate"));
    }

    #[test]
    fn what_is_unknown_is_passed_over_and_null_is_nothing_at_every_level() {
        let body = json!({ "x": [{}], "host": { "y": 1, "loginName": null }, "guests": null, "length": null });
        assert_eq!(visit(&body).ok().unwrap().show(), json!({ "host": {} }));
        assert_eq!(Members::default().read::<Empty>().ok().unwrap().show(), json!({}));
    }

    #[test]
    fn an_enumeration_takes_names_and_numbers_and_knows_what_it_does_not_know() {
        let wish = |sent: Value| visit(&json!({ "host": { "wish": sent } })).map(|visit| visit.host.unwrap().wish);
        assert_eq!(wish(json!("WISH_TEA")), Ok(Wish::Tea));
        assert_eq!(wish(json!(2)), Ok(Wish::Coffee));
        assert_eq!(wish(json!("WISH_MOCHA")), Ok(Wish::Coffee));
        assert_eq!(wish(json!("WISH_WATER")), Ok(Wish::Nothing));
        assert_eq!(wish(json!(99)), Ok(Wish::Nothing));
        assert!(wish(json!(true)).is_err() && wish(json!([])).is_err());
        assert_eq!(Wish::Coffee.show(), json!("WISH_COFFEE"));
        assert!(!Wish::Nothing.is_set());
    }

    #[test]
    fn one_of_two_may_be_set_even_to_nothing_much() {
        let both = json!({ "host": {}, "byTrain": false, "onFoot": false });
        assert!(refusal(&both).starts_with("proto: "));
        assert_eq!(
            visit(&json!({ "host": {}, "onFoot": false })).ok().unwrap().show(),
            json!({ "host": {}, "onFoot": false })
        );
    }

    #[test]
    fn a_broken_rule_tells_where() {
        let start = "invalid VisitRequest.";
        assert_eq!(refusal(&json!({})), format!("{start}Host: value is required"));
        assert_eq!(
            refusal(&json!({ "host": { "loginName": "" } })),
            format!(
                "{start}Host: embedded message failed validation | caused by: invalid Guest.LoginName: value length must be between 1 and 3 \
                 runes, inclusive"
            )
        );
        assert_eq!(
            refusal(&json!({ "host": {}, "guests": [{}, {}, {}] })),
            format!("{start}Guests: value must contain no more than 2 item(s)")
        );
        assert!(visit(&json!({ "host": { "loginName": "äöü" }, "type": "long" })).is_ok());
    }
}
