//! What is granted for a path: the rules that decide about it, taken together.

use std::time::Duration;

use super::node::Node;
use super::rules::{Capability, Rule, Values};

/// The rules for one and the same path, out of all policies of a caller; none, if none grants anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant<'a> {
    root: bool,
    rules: Vec<&'a Rule>,
}

impl<'a> Grant<'a> {
    /// Everything.
    pub(super) const fn root() -> Self {
        Self { root: true, rules: Vec::new() }
    }

    /// What these rules grant together.
    pub(super) const fn of(rules: Vec<&'a Rule>) -> Self {
        Self { root: false, rules }
    }

    fn has(&self, capability: Capability) -> bool {
        self.rules.iter().any(|rule| rule.capabilities.contains(&capability))
    }

    /// Whether this can be done. What is denied by one rule is allowed by none.
    pub fn allows(&self, capability: Capability) -> bool {
        self.root || (self.has(capability) && !self.has(Capability::Deny))
    }

    /// Whether what needs `sudo` can be done.
    pub fn sudo(&self) -> bool {
        self.allows(Capability::Sudo)
    }

    /// What can be done, sorted; `deny` alone where it is denied.
    pub fn names(&self) -> Vec<&'static str> {
        if self.has(Capability::Deny) {
            return vec![Capability::Deny.as_str()];
        }
        let has = Capability::ALL.into_iter().filter(|capability| self.has(*capability));
        has.map(Capability::as_str).collect()
    }

    /// Whether it depends on a request's parameters.
    pub fn minds_parameters(&self) -> bool {
        let minds = |rule: &&Rule| !(rule.allowed.is_empty() && rule.denied.is_empty() && rule.required.is_empty());
        self.rules.iter().any(minds)
    }

    /// Whether a request may have these parameters. Names are compared without regard to case, except that what is required must be there as
    /// a handler would find it.
    pub fn admits(&self, parameters: &[(String, Node)]) -> bool {
        let mut required = self.rules.iter().flat_map(|rule| &rule.required);
        if !required.all(|name| parameters.iter().any(|(sent, _)| sent == name)) {
            return false;
        }
        let everything_is_denied = self.rules.iter().any(|rule| rule.denied.contains_key("*"));
        let is_open = self.rules.iter().all(|rule| rule.allowed.is_empty());
        let others_are_allowed = is_open || self.rules.iter().any(|rule| rule.allowed.contains_key("*"));
        parameters.iter().all(|(name, value)| {
            let name = name.to_lowercase();
            !everything_is_denied
                && !self.is_among(&name, value, |rule| &rule.denied, is_or_holds).unwrap_or(false)
                && self.is_among(&name, value, |rule| &rule.allowed, Node::stands_for).unwrap_or(others_are_allowed)
        })
    }

    /// Whether the value is among those that the rules list for the parameter, an empty list being of all; `None` if none lists it.
    fn is_among(
        &self,
        name: &str,
        value: &Node,
        values: impl Fn(&Rule) -> &Values,
        fits: impl Fn(&Node, &Node) -> bool,
    ) -> Option<bool> {
        let lists: Vec<_> = self.rules.iter().filter_map(|rule| values(rule).get(name)).collect();
        let among = lists.iter().any(|list| list.is_empty() || list.iter().any(|listed| fits(listed, value)));
        (!lists.is_empty()).then_some(among)
    }

    /// Whether a request may ask for a wrapped reply of this life, or for a plain one. Of several bounds the lowest count.
    pub fn admits_wrapping(&self, asked: Option<Duration>) -> bool {
        let least = self.rules.iter().filter_map(|rule| rule.min_wrapping_ttl).min();
        let most = self.rules.iter().filter_map(|rule| rule.max_wrapping_ttl).min();
        let within = |asked| least.is_none_or(|least| least <= asked) && most.is_none_or(|most| asked <= most);
        (least.is_none() && most.is_none()) || asked.is_some_and(within)
    }

    /// The most keys that a list may have, if that is limited.
    pub fn pagination_limit(&self) -> Option<u64> {
        self.rules.iter().filter_map(|rule| rule.pagination_limit).min()
    }
}

/// Whether `value` is what is listed, or holds it: a value is not let through for coming in a list.
fn is_or_holds(listed: &Node, value: &Node) -> bool {
    match value {
        Node::List(items) => listed.stands_for(value) || items.iter().any(|item| is_or_holds(listed, item)),
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::Object(_) => listed.stands_for(value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Acl, Rules};
    use super::*;
    use crate::time::Timestamp;

    fn acl(bodies: &[&str]) -> Acl {
        let rules =
            |body: &&str| Rules::parse(&format!("path \"x\" {{ capabilities = [\"update\"] {body} }}")).unwrap();
        Acl::new(bodies.iter().map(|body| (String::new(), rules(body).into())).collect(), None, Timestamp::EPOCH)
    }

    fn admits(bodies: &[&str], json: &str) -> bool {
        let Node::Object(members) = serde_json::from_str(json).unwrap() else { panic!("an object") };
        let sent: Vec<_> = members.into_iter().map(|mut member| (member.keys.remove(0), member.value)).collect();
        acl(bodies).grant("x", false).admits(&sent)
    }

    #[test]
    fn parameters_are_allowed_by_name_and_value() {
        let rule = "required_parameters = [\"issuer\"] allowed_parameters = { \"issuer\" = [\"corp-*\"] \"digits\" = [] } \
            denied_parameters = { \"skew\" = [] }";
        for (sent, admitted) in [
            (r#"{"issuer":"corp-1","digits":8}"#, true),
            (r#"{"issuer":"other"}"#, false),
            (r#"{"digits":8}"#, false),
            (r#"{"issuer":"corp-1","skew":0}"#, false),
            (r#"{"issuer":"corp-1","period":60}"#, false),
            (r#"{"ISSUER":"corp-1"}"#, false),
            (r#"{"issuer":"corp-1","Issuer":"other"}"#, false),
            (r#"{"issuer":["corp-1"]}"#, false),
            ("{}", false),
        ] {
            assert_eq!(admits(&[rule], sent), admitted, "{sent}");
        }
    }

    #[test]
    fn parameters_are_denied_by_name_and_value() {
        let rule = "denied_parameters = { \"policies\" = [\"adm*\", 7], \"Id\" = [] }";
        for (sent, admitted) in [
            (r#"{"policies":"ops"}"#, true),
            (r#"{"policies":"admin"}"#, false),
            (r#"{"POLICIES":"admin"}"#, false),
            (r#"{"policies":["ops","admin"]}"#, false),
            (r#"{"policies":[["admin"]]}"#, false),
            (r#"{"policies":"7"}"#, false),
            (r#"{"id":1}"#, false),
            ("{}", true),
        ] {
            assert_eq!(admits(&[rule], sent), admitted, "{sent}");
        }
        assert!(!admits(&["denied_parameters = { \"*\" = [] }"], r#"{"a":1}"#));
        assert!(admits(&["denied_parameters = { \"*\" = [] }"], "{}"));
    }

    #[test]
    fn a_star_allows_what_is_not_listed() {
        let rule = "allowed_parameters = { \"*\" = [] \"a\" = [\"1\"] }";
        assert!(admits(&[rule], r#"{"b":2,"a":1}"#));
        assert!(!admits(&[rule], r#"{"a":2}"#));
    }

    #[test]
    fn parameter_lists_of_several_policies_are_merged() {
        let (one, two) =
            ("allowed_parameters = { \"a\" = [\"1\"] }", "allowed_parameters = { \"a\" = [\"2\"] \"b\" = [] }");
        assert!(admits(&[one, two], r#"{"a":2,"b":3}"#));
        assert!(!admits(&[one, two], r#"{"a":3}"#));
        assert!(admits(&[one, "allowed_parameters = { \"a\" = [] }"], r#"{"a":3}"#));
        assert!(!admits(&[one, ""], r#"{"c":3}"#), "a policy without a list does not lift another's");
        assert!(!admits(&[one, "denied_parameters = { \"a\" = [] }"], r#"{"a":1}"#));
        assert!(!admits(&["required_parameters = [\"a\"]", ""], "{}"));
    }

    #[test]
    fn wrapping_may_be_asked_of_a_request() {
        let wraps = |bodies: &[&str], secs: Option<u64>| {
            acl(bodies).grant("x", false).admits_wrapping(secs.map(Duration::from_secs))
        };
        assert!(wraps(&[""], None) && wraps(&[""], Some(5)));
        let bounds = "min_wrapping_ttl = \"1m\" max_wrapping_ttl = \"2m\"";
        for (asked, admitted) in
            [(None, false), (Some(59), false), (Some(60), true), (Some(120), true), (Some(121), false)]
        {
            assert_eq!(wraps(&[bounds], asked), admitted, "{asked:?}");
        }
        assert!(!wraps(&["max_wrapping_ttl = 60"], None));
        assert!(!wraps(&["max_wrapping_ttl = 60", "max_wrapping_ttl = 30"], Some(60)));
    }
}
