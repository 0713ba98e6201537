//! What a policy's text says, as rules.

use std::collections::BTreeMap;
use std::time::Duration;

use super::hcl::{self, SyntaxError};
use super::node::{Member, Node};
use super::template::Template;
use crate::time::Timestamp;

/// The longest text of a policy, in bytes.
pub const LONGEST_TEXT: usize = 256 * 1024;
/// The most rules in a policy.
const MOST_RULES: usize = 4096;

/// What can be done with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// Write what is not there yet.
    Create,
    /// Delete it.
    Delete,
    /// Nothing, whatever else is granted.
    Deny,
    /// List what is below it.
    List,
    /// Change part of it.
    Patch,
    /// Read it.
    Read,
    /// List all that is below it, however deep.
    Scan,
    /// What is kept for those with this.
    Sudo,
    /// Write it.
    Update,
}

impl Capability {
    /// Every capability, in alphabetical order.
    pub const ALL: [Self; 9] = [
        Self::Create,
        Self::Delete,
        Self::Deny,
        Self::List,
        Self::Patch,
        Self::Read,
        Self::Scan,
        Self::Sudo,
        Self::Update,
    ];

    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Deny => "deny",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Read => "read",
            Self::Scan => "scan",
            Self::Sudo => "sudo",
            Self::Update => "update",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.as_str() == name)
    }
}

/// Values that a parameter may or must not have; none means any.
pub(super) type Values = BTreeMap<String, Vec<Node>>;

/// What a policy says about one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The path, relative to the policy's namespace.
    pub path: Template,
    /// What can be done with it.
    pub(super) capabilities: Vec<Capability>,
    /// The only parameters that may be sent, by name in lower case, if any are said.
    pub(super) allowed: Values,
    /// Those that must not be.
    pub(super) denied: Values,
    /// Those that must be.
    pub(super) required: Vec<String>,
    /// The shortest life of a wrapping token that may be asked for; without one, wrapping need not be.
    pub(super) min_wrapping_ttl: Option<Duration>,
    /// The longest.
    pub(super) max_wrapping_ttl: Option<Duration>,
    /// From when on it says nothing.
    pub(super) expires_at: Option<Timestamp>,
    /// How many keys a list may have.
    pub(super) pagination_limit: Option<u64>,
}

impl Rule {
    /// Whether it grants anything at all.
    pub(super) fn grants_something(&self) -> bool {
        !self.capabilities.is_empty() && !self.capabilities.contains(&Capability::Deny)
    }
}

/// What a policy says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules(pub(super) Vec<Rule>);

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is longer than [`LONGEST_TEXT`].
    #[error("the policy is too long")]
    TooLong,
    /// It has more rules than we take.
    #[error("the policy has too many rules")]
    TooManyRules,
    /// It is not in the language.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// It has these members, on these lines, that no policy has.
    #[error("unknown keys {0:?}")]
    Keys(Vec<(String, usize)>),
    /// What it says about this path is wrong.
    #[error("path {0:?}: {1}")]
    Rule(String, #[source] RuleFault),
}

/// Why what is said about a path is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// It has these members, on these lines, that no rule has.
    #[error("unknown keys {0:?}")]
    Keys(Vec<(String, usize)>),
    /// This has a value of another type than it takes.
    #[error("{0} has a value of another type")]
    Type(&'static str),
    /// There is no such capability.
    #[error("invalid capability {0:?}")]
    Capability(String),
    /// There is no such word for capabilities.
    #[error("invalid policy {0:?}")]
    Word(String),
    /// The path has a `+*`.
    #[error("'+*' is forbidden")]
    Wildcards,
    /// The path has braces that do not match.
    #[error("unbalanced templating characters")]
    Template,
    /// This is no span of time.
    #[error("{0} is no duration")]
    Duration(&'static str),
    /// The least is more than the most.
    #[error("max_wrapping_ttl is less than min_wrapping_ttl")]
    WrappingOrder,
    /// It ends at no known time.
    #[error("invalid expiration time")]
    Expiration,
}

impl Rules {
    /// The rules in `text`, which is HCL or JSON.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > LONGEST_TEXT {
            return Err(Fault::TooLong);
        }
        let members = if text.trim_start().starts_with('{') { from_json(text)? } else { hcl::parse(text)? };
        let unknown = unknown(&members, &["name", "path"]);
        if !unknown.is_empty() {
            return Err(Fault::Keys(unknown));
        }
        let paths = members.iter().filter(|member| is_called(member, "path"));
        let rules = paths.map(|member| {
            let path = member.keys.get(1).or_else(|| member.keys.first()).map(String::as_str).unwrap_or_default();
            rule(path, &member.value).map_err(|fault| Fault::Rule(path.into(), fault))
        });
        let rules = rules.collect::<Result<Vec<_>, _>>()?;
        if rules.len() > MOST_RULES { Err(Fault::TooManyRules) } else { Ok(Self(rules)) }
    }

    /// Whether any of it depends on what is known of the caller under a name that begins with `what`.
    pub fn asks(&self, what: &str) -> bool {
        self.0.iter().any(|rule| rule.path.asks(what))
    }
}

/// JSON's members as HCL would have them: `{"path": {"x": {}}}` is `path "x" {}`.
fn from_json(text: &str) -> Result<Vec<Member>, SyntaxError> {
    let broken = |line, column| SyntaxError { line, column, what: "the JSON cannot be read" };
    let node = serde_json::from_str(text).map_err(|error| broken(error.line(), error.column()))?;
    let Node::Object(members) = node else { return Err(broken(1, 1)) };
    let mut flat = Vec::new();
    for member in members {
        match (is_called(&member, "path"), &member.value) {
            (true, Node::Object(labels)) => flat.extend(labels.iter().map(labelled)),
            (true, Node::List(items)) => {
                for item in items {
                    let Node::Object(labels) = item else { return Err(broken(1, 1)) };
                    flat.extend(labels.iter().map(labelled));
                }
            }
            (true | false, _) => flat.push(member),
        }
    }
    Ok(flat)
}

fn labelled(member: &Member) -> Member {
    Member { keys: [&["path".to_owned()], member.keys.as_slice()].concat(), ..member.clone() }
}

fn is_called(member: &Member, name: &str) -> bool {
    member.keys.first().is_some_and(|key| key == name)
}

fn unknown(members: &[Member], known: &[&str]) -> Vec<(String, usize)> {
    let named = members.iter().filter_map(|member| Some((member.keys.first()?.clone(), member.line)));
    named.filter(|(key, _)| !known.contains(&key.as_str())).collect()
}

const KEYS: [&str; 13] = [
    "capabilities",
    "policy",
    "allowed_parameters",
    "denied_parameters",
    "required_parameters",
    "min_wrapping_ttl",
    "max_wrapping_ttl",
    "comment",
    "expiration",
    "pagination_limit",
    "list_scan_response_keys_filter_path",
    "control_group",
    "mfa_methods",
];

fn rule(path: &str, body: &Node) -> Result<Rule, RuleFault> {
    let Node::Object(members) = body else { return Err(RuleFault::Type("path")) };
    let unknown = unknown(members, &KEYS);
    if !unknown.is_empty() {
        return Err(RuleFault::Keys(unknown));
    }
    let path = path.trim_start_matches('/');
    let of = |name| members.iter().filter(move |member| is_called(member, name)).map(|member| &member.value);
    let rule = Rule {
        path: Template::parse(path).ok_or(RuleFault::Template)?,
        capabilities: capabilities(of("capabilities"), of("policy"), of("list_scan_response_keys_filter_path"))?,
        allowed: values(of("allowed_parameters"), "allowed_parameters")?,
        denied: values(of("denied_parameters"), "denied_parameters")?,
        required: texts(of("required_parameters"), "required_parameters", str::to_lowercase)?,
        min_wrapping_ttl: span(of("min_wrapping_ttl").next_back(), "min_wrapping_ttl")?,
        max_wrapping_ttl: span(of("max_wrapping_ttl").next_back(), "max_wrapping_ttl")?,
        expires_at: moment(of("expiration").next_back())?,
        pagination_limit: count(of("pagination_limit").next_back())?,
    };
    if path.contains("+*") {
        return Err(RuleFault::Wildcards);
    }
    match (rule.min_wrapping_ttl, rule.max_wrapping_ttl) {
        (Some(least), Some(most)) if most < least => Err(RuleFault::WrappingOrder),
        (Some(_) | None, Some(_) | None) => Ok(rule),
    }
}

/// DEVIATION: a list's keys are not filtered by what the caller may do with them; a rule that asks for that grants no list at all, rather
/// than an unfiltered one.
fn capabilities<'a>(
    lists: impl Iterator<Item = &'a Node>,
    words: impl Iterator<Item = &'a Node>,
    mut filters: impl Iterator<Item = &'a Node>,
) -> Result<Vec<Capability>, RuleFault> {
    use Capability::{Create, Delete, Deny, List, Read, Scan, Sudo, Update};
    let mut all = Vec::new();
    for word in words {
        let Node::Text(word) = word else { return Err(RuleFault::Type("policy")) };
        all.extend_from_slice(match word.as_str() {
            "deny" => &[Deny],
            "read" => &[Read, List],
            "write" => &[Create, Read, Update, Delete, List],
            "sudo" => &[Create, Read, Update, Delete, List, Sudo],
            _ => return Err(RuleFault::Word(word.clone())),
        });
    }
    for name in texts(lists, "capabilities", str::to_owned)? {
        all.push(Capability::parse(&name).ok_or(RuleFault::Capability(name))?);
    }
    if filters.next().is_some() {
        all.retain(|capability| !matches!(capability, List | Scan));
    }
    Ok(all)
}

fn texts<'a>(
    lists: impl Iterator<Item = &'a Node>,
    name: &'static str,
    form: impl Fn(&str) -> String,
) -> Result<Vec<String>, RuleFault> {
    let mut all = Vec::new();
    for list in lists {
        let Node::List(items) = list else { return Err(RuleFault::Type(name)) };
        for item in items {
            let Node::Text(text) = item else { return Err(RuleFault::Type(name)) };
            all.push(form(text));
        }
    }
    Ok(all)
}

fn values<'a>(objects: impl Iterator<Item = &'a Node>, name: &'static str) -> Result<Values, RuleFault> {
    let mut all = Values::new();
    for object in objects {
        let Node::Object(members) = object else { return Err(RuleFault::Type(name)) };
        for member in members {
            let ([key], Node::List(list)) = (member.keys.as_slice(), &member.value) else {
                return Err(RuleFault::Type(name));
            };
            let listed = all.entry(key.to_lowercase()).or_insert_with(|| list.clone());
            // Given twice, it means what two policies would mean; none means any.
            if listed.is_empty() || list.is_empty() {
                listed.clear();
            } else if listed != list {
                listed.extend_from_slice(list);
            }
        }
    }
    Ok(all)
}

/// A span of time; zero is none.
fn span(node: Option<&Node>, name: &'static str) -> Result<Option<Duration>, RuleFault> {
    let text = match node {
        None => return Ok(None),
        Some(Node::Number(text) | Node::Text(text)) => text,
        Some(Node::Null | Node::Bool(_) | Node::List(_) | Node::Object(_)) => return Err(RuleFault::Type(name)),
    };
    let span = match text.parse() {
        Ok(secs) => Duration::from_secs(secs),
        Err(_) => humantime::parse_duration(text).map_err(|_| RuleFault::Duration(name))?,
    };
    Ok(Some(span).filter(|span| !span.is_zero()))
}

/// A moment: RFC 3339, or seconds since the Unix epoch.
fn moment(node: Option<&Node>) -> Result<Option<Timestamp>, RuleFault> {
    let text = match node {
        None => return Ok(None),
        Some(Node::Number(text) | Node::Text(text)) => text,
        Some(Node::Null | Node::Bool(_) | Node::List(_) | Node::Object(_)) => return Err(RuleFault::Expiration),
    };
    if let Ok(secs) = text.parse() {
        return Ok(Some(Timestamp::from_secs(secs)));
    }
    let moment: jiff::Timestamp = text.parse().map_err(|_| RuleFault::Expiration)?;
    Ok(Some(Timestamp::from_millis(moment.as_millisecond().try_into().unwrap_or(0))))
}

fn count(node: Option<&Node>) -> Result<Option<u64>, RuleFault> {
    let limit = match node {
        None => return Ok(None),
        Some(Node::Number(text) | Node::Text(text)) => text.parse().ok(),
        Some(Node::Null | Node::Bool(_) | Node::List(_) | Node::Object(_)) => None,
    };
    limit.map(|limit: u64| Some(limit).filter(|limit| *limit > 0)).ok_or(RuleFault::Type("pagination_limit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Rule {
        Rules::parse(text).unwrap().0.remove(0)
    }

    fn body(body: &str) -> Result<Rules, Fault> {
        Rules::parse(&format!("path \"x\" {{ {body} }}"))
    }

    #[test]
    fn the_two_forms_of_a_policy_say_the_same() {
        let hcl = "path \"a/*\" { capabilities = [\"read\", \"list\"] allowed_parameters = { \"X\" = [1, \"b*\"] } }";
        let json = r#"{"path":{"a/*":{"capabilities":["read","list"],"allowed_parameters":{"X":[1,"b*"]}}}}"#;
        let listed = r#"{"path":[{"a/*":{"capabilities":["read","list"],"allowed_parameters":{"X":[1,"b*"]}}}]}"#;
        assert_eq!(Rules::parse(hcl).unwrap(), Rules::parse(json).unwrap());
        assert_eq!(Rules::parse(hcl).unwrap(), Rules::parse(listed).unwrap());
        assert_eq!(only(hcl).allowed.keys().collect::<Vec<_>>(), ["x"]);
        assert_eq!(Rules::parse("# nothing").unwrap(), Rules::default());
        assert_eq!(Rules::parse("name = \"x\"").unwrap(), Rules::default());
    }

    #[test]
    fn no_member_of_json_hides_another() {
        let twice = r#"{"path":{"a":{"capabilities":["deny"]}},"path":{"a":{"capabilities":["read"]}}}"#;
        assert_eq!(Rules::parse(twice).unwrap().0.len(), 2);
        let twice = r#"{"path":{"a":{"capabilities":["deny"],"capabilities":["read"]}}}"#;
        assert_eq!(only(twice).capabilities, [Capability::Deny, Capability::Read]);
        let listed = |first: &str, second: &str| {
            let text = format!("path \"x\" {{ denied_parameters = {{ a = {first} A = {second} }} }}");
            only(&text).denied.remove("a").map(|list| list.len())
        };
        assert_eq!(listed("[1]", "[2]"), Some(2));
        assert_eq!(listed("[]", "[2]"), Some(0));
        assert_eq!(listed("[1]", "[]"), Some(0));
    }

    #[test]
    fn old_words_stand_for_capabilities() {
        let named = |word: &str| {
            let names: Vec<_> = only(&format!("path \"x\" {{ policy = \"{word}\" }}")).capabilities;
            names.into_iter().map(Capability::as_str).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(named("deny"), "deny");
        assert_eq!(named("read"), "read list");
        assert_eq!(named("write"), "create read update delete list");
        assert_eq!(named("sudo"), "create read update delete list sudo");
    }

    #[test]
    fn faults_are_told_apart() {
        let fault = |fault| Err(Fault::Rule("x".into(), fault));
        assert_eq!(body("capabilities = [\"zap\"]"), fault(RuleFault::Capability("zap".into())));
        assert_eq!(body("policy = \"zap\""), fault(RuleFault::Word("zap".into())));
        assert_eq!(body("capability = []"), fault(RuleFault::Keys(vec![("capability".into(), 1)])));
        assert_eq!(body("capabilities = \"read\""), fault(RuleFault::Type("capabilities")));
        assert_eq!(body("allowed_parameters = { a = 1 }"), fault(RuleFault::Type("allowed_parameters")));
        assert_eq!(body("required_parameters = [1]"), fault(RuleFault::Type("required_parameters")));
        assert_eq!(body("min_wrapping_ttl = \"zz\""), fault(RuleFault::Duration("min_wrapping_ttl")));
        assert_eq!(body("min_wrapping_ttl = \"1m\" max_wrapping_ttl = 5"), fault(RuleFault::WrappingOrder));
        assert_eq!(body("expiration = \"soon\""), fault(RuleFault::Expiration));
        assert_eq!(body("pagination_limit = -1"), fault(RuleFault::Type("pagination_limit")));
        let path = |path: &str| Rules::parse(&format!("path \"{path}\" {{}}")).unwrap_err();
        assert_eq!(path("x/+*"), Fault::Rule("x/+*".into(), RuleFault::Wildcards));
        assert_eq!(path("x{{"), Fault::Rule("x{{".into(), RuleFault::Template));
        assert_eq!(Rules::parse("paths \"x\" {}").unwrap_err(), Fault::Keys(vec![("paths".into(), 0)]));
        assert_eq!(Rules::parse(&" ".repeat(LONGEST_TEXT + 1)), Err(Fault::TooLong));
        assert_eq!(Rules::parse(&"path \"a\" {}".repeat(MOST_RULES + 1)), Err(Fault::TooManyRules));
    }

    #[test]
    fn what_is_only_parsed_does_no_harm() {
        body("comment = \"x\" mfa_methods = [\"a\"] control_group = { factor \"f\" { identity {} } }").unwrap();
        let filtered =
            only("path \"x\" { capabilities = [\"list\", \"read\"] list_scan_response_keys_filter_path = \"y\" }");
        assert_eq!(filtered.capabilities, [Capability::Read]);
        assert_eq!(only("path \"/x\" { expiration = 5 pagination_limit = \"7\" }").pagination_limit, Some(7));
        let rule = only("path \"x\" { expiration = \"2027-01-15T08:00:15Z\" max_wrapping_ttl = \"1h30m\" }");
        assert_eq!(rule.expires_at, Some(Timestamp::from_secs(1_800_000_015)));
        assert_eq!(rule.max_wrapping_ttl, Some(Duration::from_mins(90)));
    }

    const SAMPLE: &str = "path \"a/+/{{identity.entity.id}}*\" { capabilities = [\"read\", \"deny\"] allowed_parameters = \
        { \"x\" = [1, true, \"b*\"] } min_wrapping_ttl = \"1h\" expiration = \"2027-01-15T08:00:15Z\" } # c\n{\"path\":{\"a\":{}}}";

    proptest::proptest! {
        #[test]
        fn no_text_upsets_the_parser(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            drop(Rules::parse(&String::from_utf8_lossy(&bytes)));
        }

        #[test]
        fn no_change_to_a_policy_upsets_it(at in 0..SAMPLE.len(), cut in 0_usize..20, with in "\\PC{0,4}", from in 0_usize..2) {
            let mut text = SAMPLE.to_owned();
            text.replace_range(at..(at + cut).min(SAMPLE.len()), &with);
            let text = if from == 0 { text } else { text.split_once('\n').map_or(text.clone(), |(_, json)| json.into()) };
            drop(Rules::parse(&text));
        }
    }
}
