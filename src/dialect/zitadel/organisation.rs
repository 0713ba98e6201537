//! Organisations: namespaces under the decimal ids that this dialect's clients expect.
//!
//! A namespace's id is six characters of 62, and so a number; an organisation's id is that number, a constant higher. Nothing is stored, the id
//! is stable, and leads back. What belongs to no organisation belongs to the instance, which has an id of its own.

use super::error::Error;
use crate::engine::{Access, namespaces};
use crate::id::NamespaceId;
use crate::model::namespace::Scope;
use crate::storage::Tx;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH: u32 = 6;
/// The number of ids that a namespace below root can have.
const COUNT: u64 = 62_u64.pow(LENGTH);
/// What makes a number one of 18 digits.
const OFFSET: u64 = 100_000_000_000_000_000;

/// The instance's id.
pub(super) fn instance() -> String {
    (OFFSET + COUNT + 1).to_string()
}

/// The id of the organisation that `namespace` is.
pub(super) fn id_of(namespace: &NamespaceId) -> String {
    let number = if namespace.is_root() { Some(COUNT) } else { number_of(namespace.as_str()) };
    // Every namespace has an id of that form; one that had not would be found under no organisation's id.
    number.map_or_else(|| namespace.to_string(), |number| (OFFSET + number).to_string())
}

/// The namespace that is the organisation `id`, if `id` is one's at all.
fn namespace_of(id: &str) -> Option<NamespaceId> {
    let number = id.parse::<u64>().ok()?.checked_sub(OFFSET).filter(|_| !id.starts_with('+'))?;
    if number == COUNT {
        return Some(NamespaceId::root());
    }
    let mut text = Vec::new();
    let mut left = number;
    for _ in 0..LENGTH {
        text.push(*DIGITS.get(usize::try_from(left % 62).ok()?)?);
        left /= 62;
    }
    text.reverse();
    (left == 0).then(|| NamespaceId::new(String::from_utf8_lossy(&text)))
}

fn number_of(text: &str) -> Option<u64> {
    if text.len() != LENGTH as usize {
        return None;
    }
    text.bytes().try_fold(0_u64, |number, byte| {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        Some(number * 62 + digit as u64)
    })
}

/// The organisation `id`, if it is there and not outside of `bounds`.
///
/// # Errors
/// When it is not: a caller does not learn of organisations that are none of its business.
pub(super) fn find(tx: &mut dyn Tx, access: &Access, bounds: &Scope, id: &str) -> Result<Scope, Error> {
    let found = match namespace_of(id) {
        Some(id) => namespaces::by_id(tx, access, &id)?,
        None => None,
    };
    found.filter(|scope| bounds.contains(scope)).ok_or_else(Error::unknown_organisation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn an_organisations_id_has_18_digits_and_leads_back() {
        let entropy = SeededEntropy::new(1);
        let mut ids: Vec<NamespaceId> = (0..100).map(|_| NamespaceId::fresh(&entropy)).collect();
        ids.extend([NamespaceId::root(), NamespaceId::new("000000"), NamespaceId::new("zzzzzz")]);
        for id in ids {
            let decimal = id_of(&id);
            assert!(decimal.len() == 18 && decimal.bytes().all(|byte| byte.is_ascii_digit()), "{decimal}");
            assert_eq!(namespace_of(&decimal), Some(id));
        }
    }

    #[test]
    fn other_texts_are_no_organisations() {
        for id in
            ["", "1", "-1", "+100000000000000000", "root", "99999999999999999999", "999999999999999999", &instance()]
        {
            assert_eq!(namespace_of(id), None, "{id}");
        }
    }
}
