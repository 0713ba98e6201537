//! How searches compare texts.

use super::message::enumeration;

enumeration! {
    /// How a text is compared.
    pub(super) enum TextQueryMethod {
        Equals = 0 "TEXT_QUERY_METHOD_EQUALS",
        EqualsIgnoreCase = 1 "TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE",
        StartsWith = 2 "TEXT_QUERY_METHOD_STARTS_WITH",
        StartsWithIgnoreCase = 3 "TEXT_QUERY_METHOD_STARTS_WITH_IGNORE_CASE",
        Contains = 4 "TEXT_QUERY_METHOD_CONTAINS",
        ContainsIgnoreCase = 5 "TEXT_QUERY_METHOD_CONTAINS_IGNORE_CASE",
        EndsWith = 6 "TEXT_QUERY_METHOD_ENDS_WITH",
        EndsWithIgnoreCase = 7 "TEXT_QUERY_METHOD_ENDS_WITH_IGNORE_CASE",
    }
}

impl TextQueryMethod {
    /// Whether `text` is what `sought` asks for.
    pub(super) fn finds(self, text: &str, sought: &str) -> bool {
        let (text_low, sought_low) = (text.to_lowercase(), sought.to_lowercase());
        match self {
            Self::Equals => text == sought,
            Self::EqualsIgnoreCase => text_low == sought_low,
            Self::StartsWith => text.starts_with(sought),
            Self::StartsWithIgnoreCase => text_low.starts_with(&sought_low),
            Self::Contains => text.contains(sought),
            Self::ContainsIgnoreCase => text_low.contains(&sought_low),
            Self::EndsWith => text.ends_with(sought),
            Self::EndsWithIgnoreCase => text_low.ends_with(&sought_low),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TextQueryMethod as M;

    #[test]
    fn each_method_finds_what_it_says() {
        let finds = |method: M| {
            [("Acme", "Acme"), ("Acme", "acme"), ("Acme", "Ac"), ("Acme", "ME"), ("Acme", "cm")]
                .map(|(text, sought)| method.finds(text, sought))
        };
        assert_eq!(finds(M::Equals), [true, false, false, false, false]);
        assert_eq!(finds(M::EqualsIgnoreCase), [true, true, false, false, false]);
        assert_eq!(finds(M::StartsWith), [true, false, true, false, false]);
        assert_eq!(finds(M::StartsWithIgnoreCase), [true, true, true, false, false]);
        assert_eq!(finds(M::Contains), [true, false, true, false, true]);
        assert_eq!(finds(M::ContainsIgnoreCase), [true; 5]);
        assert_eq!(finds(M::EndsWith), [true, false, false, false, false]);
        assert_eq!(finds(M::EndsWithIgnoreCase), [true, true, false, true, false]);
    }
}
