//! What policies grant: their language, their rules, and the one rule that decides about a path.
//!
//! Pure: who has which policies, and where they are kept, is the engine's business. Nothing is allowed by default.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::time::Timestamp;

mod grant;
mod hcl;
mod node;
mod pattern;
mod rules;
mod template;

pub use grant::Grant;
pub use hcl::SyntaxError;
pub use node::{Member, Node};
pub use rules::{Capability, Fault, LONGEST_TEXT, Rule, RuleFault, Rules};
pub use template::{Alias, Group, Identity, Template};

/// All that the policies of a caller say.
#[derive(Debug, Clone, Default)]
pub struct Acl {
    /// Whether the caller may do everything.
    root: bool,
    /// The policies, each with the path of its namespace.
    policies: Vec<(String, Arc<Rules>)>,
    /// Who the caller is, if any template asks.
    identity: Option<Identity>,
    /// The present: what has expired says nothing.
    now: Timestamp,
}

impl Acl {
    /// Everything is allowed.
    pub fn root() -> Self {
        Self { root: true, ..Self::default() }
    }

    /// What these policies allow at `now`, each with the path of its namespace, to whoever this is.
    pub const fn new(policies: Vec<(String, Arc<Rules>)>, identity: Option<Identity>, now: Timestamp) -> Self {
        Self { root: false, policies, identity, now }
    }

    /// Whether everything is allowed.
    pub const fn is_root(&self) -> bool {
        self.root
    }

    /// What is granted for the whole `path`. One rule decides, or all those for the very same path together: an exact one, else the one with
    /// wildcards that has the greatest rank. A list asks for the path with a slash behind it first, and then for that without.
    pub fn grant(&self, path: &str, is_list: bool) -> Grant<'_> {
        if self.root {
            return Grant::root();
        }
        let rules: Vec<_> = self.rules().collect();
        let bare = path.strip_suffix('/').unwrap_or(path);
        let with_slash = format!("{bare}/");
        let ways: &[&str] = if is_list { &[&with_slash, bare] } else { &[path] };
        let exact = ways.iter().find_map(|path| chosen(&rules, Some(*path).filter(|path| !pattern::is_wild(path))));
        let wild = || ways.iter().find_map(|path| chosen(&rules, winner(&rules, path)));
        Grant::of(exact.or_else(wild).unwrap_or_default())
    }

    /// What is granted by paths without wildcards, and by prefixes, by path: an overview for a user interface. Paths with `+` are left out.
    pub fn overview(&self) -> (BTreeMap<String, Grant<'_>>, BTreeMap<String, Grant<'_>>) {
        let rules: Vec<_> = self.rules().collect();
        let (mut exact, mut prefixes) = (BTreeMap::new(), BTreeMap::new());
        for (path, _) in &rules {
            let grant = || Grant::of(chosen(&rules, Some(path)).unwrap_or_default());
            match path.strip_suffix('*') {
                _ if path.split('/').any(|segment| segment == "+") => {}
                Some(prefix) => drop(prefixes.entry(prefix.to_owned()).or_insert_with(grant)),
                None => drop(exact.entry(path.to_string()).or_insert_with(grant)),
            }
        }
        (exact, prefixes)
    }

    /// Whether anything is granted for a path that begins with the segments of `place`.
    pub fn reaches(&self, place: &str) -> bool {
        self.root || self.rules().any(|(pattern, rule)| rule.grants_something() && pattern::reaches(&pattern, place))
    }

    /// Every rule that counts now, with its whole path filled in.
    fn rules(&self) -> impl Iterator<Item = (Cow<'_, str>, &Rule)> {
        let all = self.policies.iter().flat_map(|(prefix, rules)| rules.0.iter().map(move |rule| (prefix, rule)));
        let current = all.filter(|(_, rule)| rule.expires_at.is_none_or(|end| self.now < end));
        current.filter_map(|(prefix, rule)| Some((rule.path.fill(prefix, self.identity.as_ref())?, rule)))
    }
}

/// The rules for exactly this pattern, if there are any.
fn chosen<'a>(rules: &[(Cow<'_, str>, &'a Rule)], pattern: Option<&str>) -> Option<Vec<&'a Rule>> {
    let pattern = pattern?;
    let same: Vec<_> = rules.iter().filter(|(path, _)| path == pattern).map(|(_, rule)| *rule).collect();
    Some(same).filter(|same| !same.is_empty())
}

/// The pattern with wildcards that decides about `path`.
fn winner<'a>(rules: &'a [(Cow<'_, str>, &Rule)], path: &str) -> Option<&'a str> {
    let wild = rules.iter().map(|(pattern, _)| pattern.as_ref()).filter(|pattern| pattern::is_wild(pattern));
    wild.filter(|pattern| pattern::fits(pattern, path)).max_by(|a, b| pattern::rank(a).cmp(&pattern::rank(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(policies: &[&str]) -> Acl {
        within("", policies, None)
    }

    fn within(prefix: &str, policies: &[&str], who: Option<Identity>) -> Acl {
        let parsed = policies.iter().map(|text| (prefix.to_owned(), Arc::new(Rules::parse(text).unwrap())));
        Acl::new(parsed.collect(), who, Timestamp::from_secs(1_000))
    }

    fn can(acl: &Acl, path: &str) -> String {
        acl.grant(path, false).names().join(" ")
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        assert_eq!(can(&acl(&[]), "a"), "");
        assert_eq!(can(&acl(&["path \"b\" { policy = \"sudo\" }"]), "a"), "");
        assert_eq!(can(&acl(&["path \"a\" {}"]), "a"), "");
    }

    #[test]
    fn one_rule_decides_and_an_exact_one_first() {
        let acl = acl(&["path \"a/*\" { capabilities = [\"read\"] } path \"a/+\" { capabilities = [\"delete\"] } \
            path \"a/b\" { capabilities = [\"update\"] } path \"a/c*\" { capabilities = [\"deny\"] } path \"*\" { policy = \"sudo\" }"]);
        assert_eq!(can(&acl, "a/b"), "update");
        assert_eq!(can(&acl, "a/x"), "delete");
        assert_eq!(can(&acl, "a/cd"), "deny");
        assert_eq!(can(&acl, "a/x/y"), "read");
        assert_eq!(can(&acl, "b"), "create delete list read sudo update");
    }

    #[test]
    fn several_rules_for_the_same_path_are_united_and_any_deny_wins() {
        let (read, update) =
            ("path \"a/*\" { capabilities = [\"read\"] }", "path \"a/*\" { capabilities = [\"update\"] }");
        assert_eq!(can(&acl(&[read, update]), "a/b"), "read update");
        let deny = "path \"a/*\" { capabilities = [\"deny\", \"sudo\"] }";
        for policies in [[read, deny, update], [deny, read, update], [read, update, deny]] {
            let acl = acl(&policies);
            assert_eq!(can(&acl, "a/b"), "deny");
            let grant = acl.grant("a/b", false);
            assert!(!grant.sudo() && Capability::ALL.into_iter().all(|capability| !grant.allows(capability)));
        }
    }

    #[test]
    fn a_list_is_looked_for_with_and_without_its_slash() {
        let listed = |policy: &str| acl(&[policy]).grant("a/b", true).allows(Capability::List);
        for path in ["a/b", "a/b/", "a/b/*", "a/*", "a/b*", "a/+", "+/b/"] {
            assert!(listed(&format!("path \"{path}\" {{ capabilities = [\"list\"] }}")), "{path}");
        }
        let slash_first = "path \"a/b\" { capabilities = [\"list\"] } path \"a/b/\" { capabilities = [\"deny\"] }";
        assert!(!listed(slash_first));
        assert!(listed("path \"a/b\" { capabilities = [\"list\"] } path \"a/b/*\" { capabilities = [\"deny\"] }"));
        assert!(!listed("path \"a/b\" { capabilities = [\"read\"] }"));
        assert!(!listed("path \"a/bc\" { capabilities = [\"list\"] }"));
    }

    #[test]
    fn a_path_that_looks_like_a_pattern_is_no_pattern() {
        let acl = acl(&["path \"a/*\" { capabilities = [\"read\"] } path \"b/+\" { capabilities = [\"deny\"] }"]);
        assert_eq!(can(&acl, "a/*"), "read");
        assert_eq!(can(&acl, "b/+"), "deny");
    }

    #[test]
    fn what_has_expired_says_nothing() {
        let at =
            |secs: u64| can(&acl(&[&format!("path \"a\" {{ capabilities = [\"read\"] expiration = {secs} }}")]), "a");
        assert_eq!((at(1_000).as_str(), at(1_001).as_str()), ("", "read"));
    }

    #[test]
    fn a_policys_paths_lie_in_its_namespace() {
        let inside = within(
            "ns/",
            &["path \"a/*\" { capabilities = [\"read\"] } path \"+/b\" { capabilities = [\"list\"] }"],
            None,
        );
        assert_eq!(can(&inside, "a/b"), "");
        assert_eq!(can(&inside, "ns/a/b"), "read", "the later wildcard");
        assert_eq!(can(&inside, "ns/x/b"), "list");
        assert_eq!(can(&inside, "other/x/b"), "");
    }

    #[test]
    fn a_template_that_cannot_be_filled_takes_only_its_own_rule_away() {
        let policy = "path \"a/{{identity.entity.name}}/*\" { capabilities = [\"update\"] } path \"b\" { capabilities = [\"read\"] }";
        let named = |name: &str| within("", &[policy], Some(Identity { name: name.into(), ..Identity::default() }));
        assert_eq!(can(&named("alice"), "a/alice/x"), "update");
        assert_eq!(can(&named("alice"), "a/bob/x"), "");
        for name in ["*", "+", "alice/../bob", "a/b"] {
            let acl = named(name);
            assert_eq!(
                (can(&acl, "a/bob/x"), can(&acl, &format!("a/{name}/x")), can(&acl, "b")),
                (String::new(), String::new(), "read".into())
            );
        }
        assert_eq!(can(&acl(&[policy]), "b"), "read");
    }

    #[test]
    fn what_is_granted_below_a_place_reaches_it() {
        let reaches =
            |path: &str, word: &str| acl(&[&format!("path \"{path}\" {{ policy = \"{word}\" }}")]).reaches("auth/x/");
        for path in ["auth/x/users", "auth/x/*", "auth/*", "*", "auth/+/login", "+/x/", "auth/x*", "a*", "auth/+/*"] {
            assert!(reaches(path, "read") && !reaches(path, "deny"), "{path}");
        }
        for path in ["auth/x", "auth/xy/*", "auth/y/*", "au/*", "+/y/*", "auth"] {
            assert!(!reaches(path, "read"), "{path}");
        }
        assert!(Acl::root().reaches("auth/x/"));
    }

    #[test]
    fn root_may_do_everything() {
        let grant = Acl::root();
        let grant = grant.grant("a", false);
        assert!(grant.sudo() && grant.allows(Capability::Update) && grant.admits_wrapping(None) && grant.admits(&[]));
    }
}
