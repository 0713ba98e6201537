//! Token roles: what tokens made through one are like, and what may be asked of them, whoever asks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::mount::{TokenSettings, TokenType};
use super::namespace::Scope;
use super::token::{Ask, DEFAULT_POLICY, Kind, normalise_policies};

/// A way of making tokens that an operator has set up in a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRole {
    /// The namespace it belongs to.
    pub scope: Scope,
    /// Its name.
    pub name: String,
    /// The policies that may be asked for, and that are given where none are asked for; none for the maker's.
    pub allowed_policies: Vec<String>,
    /// Patterns of policies that may be asked for.
    pub allowed_globs: Vec<String>,
    /// Policies that are refused.
    pub disallowed_policies: Vec<String>,
    /// Patterns of policies that are refused.
    pub disallowed_globs: Vec<String>,
    /// Whether its tokens outlive their makers.
    pub orphan: bool,
    /// Whether its tokens can be renewed.
    pub renewable: bool,
    /// What its tokens' paths end with, so that they can be told apart; empty for nothing.
    pub path_suffix: String,
    /// Patterns of the aliases that its tokens may be made for, in lower case; none at all for no aliases.
    pub allowed_entity_aliases: Option<Vec<String>>,
    /// What else its tokens are like. Its time limits hold at each renewal as they are then.
    pub token: TokenSettings,
    /// Which of these were set by names that are no longer used, and are shown by both.
    pub old_names: OldNames,
}

/// Settings that have an older name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OldNames {
    /// `period`, not `token_period`.
    pub period: bool,
    /// `explicit_max_ttl`, not `token_explicit_max_ttl`.
    pub explicit_max_ttl: bool,
    /// `bound_cidrs`, not `token_bound_cidrs`.
    pub bound_cidrs: bool,
}

/// Why a role and what is asked of it do not go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// Something is asked for that is not allowed.
    NotAllowed {
        /// What is asked for.
        asked: Vec<String>,
        /// What is allowed.
        allowed: Vec<String>,
        /// Patterns of what is allowed.
        globs: Vec<String>,
    },
    /// This is refused.
    Disallowed(String),
}

impl TokenRole {
    /// A new role, that asks nothing.
    pub fn new(scope: Scope, name: &str) -> Self {
        Self {
            scope,
            name: name.into(),
            allowed_policies: Vec::new(),
            allowed_globs: Vec::new(),
            disallowed_policies: Vec::new(),
            disallowed_globs: Vec::new(),
            orphan: false,
            renewable: true,
            path_suffix: String::new(),
            allowed_entity_aliases: None,
            token: TokenSettings { token_type: TokenType::DefaultService, ..TokenSettings::default() },
            old_names: OldNames::default(),
        }
    }

    /// The kind of a token for which this is asked.
    pub const fn kind(&self, asked: Option<Kind>) -> Kind {
        match (self.token.token_type, asked) {
            (TokenType::Batch, _) | (TokenType::DefaultBatch, None) => Kind::Batch,
            (TokenType::Service, _) | (TokenType::Default | TokenType::DefaultService, None) => Kind::Service,
            (TokenType::Default | TokenType::DefaultService | TokenType::DefaultBatch, Some(kind)) => kind,
        }
    }

    /// A lifetime that is asked for, within the role's limits.
    pub fn narrow(&self, asked: Ask) -> Ask {
        Ask {
            explicit_max_ttl: lesser(asked.explicit_max_ttl, self.token.explicit_max_ttl),
            period: lesser(asked.period, self.token.period),
            ..asked
        }
    }

    /// How many requests a token is good for, of which this is asked; 0 for any number.
    pub fn num_uses(&self, asked: u32) -> u32 {
        match (asked, self.token.num_uses) {
            (0, uses) | (uses, 0) => uses,
            (asked, most) => asked.min(most),
        }
    }

    /// The policies of a token for which `asked` is asked by one who has `makers`; `None` where the role leaves that to the usual rules.
    ///
    /// # Errors
    /// When something asked for is not allowed.
    pub fn policies(
        &self,
        asked: &[String],
        makers: &[String],
        no_default: bool,
    ) -> Result<Option<Vec<String>>, Mismatch> {
        let allows = !self.allowed_policies.is_empty() || !self.allowed_globs.is_empty();
        let refuses = !self.disallowed_policies.is_empty() || !self.disallowed_globs.is_empty();
        if !allows && !refuses {
            return Ok(None);
        }
        let gives_default = !no_default && !self.token.no_default_policy && !self.disallows(DEFAULT_POLICY);
        let complete = |policies: &[String]| {
            let default = gives_default.then_some(DEFAULT_POLICY);
            normalise_policies(policies.iter().map(String::as_str).chain(default))
        };
        let policies = match (asked.is_empty(), allows) {
            (true, true) => complete(&self.allowed_policies),
            (true, false) => complete(makers),
            (false, _) => complete(asked),
        };
        let allowed = complete(&self.allowed_policies);
        let is_allowed = |policy: &String| allowed.contains(policy) || any_fits(&self.allowed_globs, policy);
        if allows && !policies.iter().all(is_allowed) {
            return Err(Mismatch::NotAllowed { asked: policies, allowed, globs: self.allowed_globs.clone() });
        }
        match policies.iter().find(|policy| self.disallows(policy)) {
            Some(refused) => Err(Mismatch::Disallowed(refused.clone())),
            None => Ok(Some(policies)),
        }
    }

    fn disallows(&self, policy: &str) -> bool {
        self.disallowed_policies.iter().any(|refused| refused == policy) || any_fits(&self.disallowed_globs, policy)
    }

    /// Whether its tokens may be made for the alias of this name, whatever the case.
    pub fn allows_alias(&self, name: &str) -> bool {
        self.allowed_entity_aliases.as_ref().is_some_and(|allowed| any_fits(allowed, &name.to_lowercase()))
    }
}

/// The lesser of two spans of which zero means no limit.
fn lesser(one: Duration, other: Duration) -> Duration {
    match (one.is_zero(), other.is_zero()) {
        (true, _) => other,
        (false, true) => one,
        (false, false) => one.min(other),
    }
}

fn any_fits(globs: &[String], text: &str) -> bool {
    globs.iter().any(|glob| fits(glob, text))
}

/// Whether `text` fits `glob`, in which each `*` stands for any text.
fn fits(glob: &str, text: &str) -> bool {
    let Some((start, rest)) = glob.split_once('*') else { return glob == text };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match left.split_once(part) {
            Some((_, behind)) => left = behind,
            None => return false,
        }
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).into()).collect()
    }

    fn role(allowed: &[&str], allowed_globs: &[&str], disallowed: &[&str], disallowed_globs: &[&str]) -> TokenRole {
        TokenRole {
            allowed_policies: texts(allowed),
            allowed_globs: texts(allowed_globs),
            disallowed_policies: texts(disallowed),
            disallowed_globs: texts(disallowed_globs),
            ..TokenRole::new(Scope::root(), "r")
        }
    }

    #[test]
    fn a_role_that_names_no_policies_leaves_them_to_the_usual_rules() {
        assert_eq!(role(&[], &[], &[], &[]).policies(&texts(&["a"]), &[], false), Ok(None));
    }

    #[test]
    fn a_role_gives_what_it_allows_and_nothing_else() {
        let role = role(&["a", "b"], &["x*"], &["xx"], &[]);
        let given = |asked: &[&str]| role.policies(&texts(asked), &texts(&["root"]), false);
        assert_eq!(given(&[]), Ok(Some(texts(&["a", "b", "default"]))));
        assert_eq!(given(&["x1", "a"]), Ok(Some(texts(&["a", "default", "x1"]))));
        assert_eq!(given(&["xx"]), Err(Mismatch::Disallowed("xx".into())));
        assert!(matches!(given(&["a", "c"]), Err(Mismatch::NotAllowed { .. })));
        assert_eq!(role.policies(&texts(&["a"]), &[], true), Ok(Some(texts(&["a"]))));
    }

    #[test]
    fn a_role_that_only_refuses_gives_the_makers() {
        let refuses = role(&[], &[], &["default"], &["z*"]);
        assert_eq!(refuses.policies(&[], &texts(&["m"]), false), Ok(Some(texts(&["m"]))));
        assert_eq!(refuses.policies(&[], &texts(&["m", "zz"]), false), Err(Mismatch::Disallowed("zz".into())));
        let no_root = role(&[], &[], &["root"], &[]);
        assert_eq!(no_root.policies(&[], &texts(&["root"]), false), Err(Mismatch::Disallowed("root".into())));
    }

    #[test]
    fn the_lesser_of_two_limits_holds() {
        let seconds = Duration::from_secs;
        for (one, other, both) in [(0, 0, 0), (5, 0, 5), (0, 5, 5), (3, 5, 3), (5, 3, 3)] {
            assert_eq!(lesser(seconds(one), seconds(other)), seconds(both));
        }
    }

    #[test]
    fn a_glob_fits_whole_texts() {
        for (glob, text) in
            [("*", ""), ("a*", "abc"), ("*c", "abc"), ("a*c", "ac"), ("a*b*c", "axbyc"), ("a", "a"), ("**", "x")]
        {
            assert!(fits(glob, text), "{glob} {text}");
        }
        for (glob, text) in [("a*", "ba"), ("*c", "cd"), ("a*a", "a"), ("a*b*c", "acb"), ("a", "ab"), ("", "a")] {
            assert!(!fits(glob, text), "{glob} {text}");
        }
    }
}
