//! Placeholders for everything that must differ between two servers. They keep identity: one id has one placeholder throughout a scenario.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use serde_json::{Map, Value};

use super::patterns::{self, rewrite};
use super::script::Answer;

/// Members that are another each time: only whether they are there is told.
const VOLATILE: &[&str] = &[
    "build_date",
    "cluster_id",
    "cluster_name",
    "creation_time",
    "expire_time",
    "issue_time",
    "last_renewal",
    "last_renewal_time",
    "last_update_time",
    "modified",
    "modify_index",
    "request_id",
    "server_time_utc",
    "uuid",
    "version",
];

/// Members that hold secrets and the handles of secrets, and the placeholders' kinds.
const SECRETS: &[(&str, &str)] = &[
    ("accessor", "accessor"),
    ("client_token", "token"),
    ("secret_id", "secret"),
    ("token", "token"),
    ("wrapped_accessor", "accessor"),
];

/// Lists whose order says nothing.
const SETS: &[&str] = &[
    "aliases",
    "any",
    "auth_method_accessors",
    "auth_method_types",
    "direct_group_ids",
    "group_ids",
    "identity_entity_ids",
    "identity_group_ids",
    "identity_policies",
    "inherited_group_ids",
    "keys",
    "member_entity_ids",
    "member_group_ids",
    "merged_entity_ids",
    "merged_from_canonical_ids",
    "mfa_method_ids",
    "parent_group_ids",
    "policies",
    "token_policies",
];

/// A scenario's answers with placeholders, `namespace` being the scenario's own.
pub(super) fn place(answers: Vec<Answer>, namespace: &str) -> Vec<Answer> {
    let mut places = Places { namespace, named: BTreeMap::new(), secrets: Vec::new() };
    answers.into_iter().map(|answer| places.answer(answer)).collect()
}

struct Places<'n> {
    namespace: &'n str,
    /// By kind, what has a placeholder, in the order it was seen: the first is `<kind1>`.
    named: BTreeMap<&'static str, Vec<String>>,
    /// Secrets and their placeholders. They are replaced wherever else they turn up.
    secrets: Vec<(String, String)>,
}

impl Places<'_> {
    fn answer(&mut self, answer: Answer) -> Answer {
        let mut body = answer.body;
        if let Value::Object(members) = &mut body
            && members.contains_key("request_id")
        {
            // Some releases of the original tell the kind of mount, others do not.
            members.remove("mount_type");
        }
        let body = self.value(body, None);
        Answer { status: answer.status, body, headers: answer.headers.map(|headers| self.value(headers, None)) }
    }

    /// A value with placeholders; `key` is the member it is, or is in a list of.
    fn value(&mut self, value: Value, key: Option<&str>) -> Value {
        match value {
            Value::Object(members) => self.object(members),
            Value::Array(items) => {
                let mut items: Vec<Value> = items.into_iter().map(|item| self.value(item, key)).collect();
                if key.is_some_and(|key| SETS.contains(&key)) {
                    items.sort_by_cached_key(Value::to_string);
                }
                Value::Array(items)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.scalar(value, key.unwrap_or_default())
            }
        }
    }

    fn object(&mut self, mut members: Map<String, Value>) -> Value {
        if members.contains_key("tainted")
            && let Some(Value::String(id)) = members.get_mut("id")
        {
            // Only namespaces are tainted, and their ids look like nothing in particular.
            *id = self.name("nsid", id);
        }
        // The members come sorted, so placeholders are numbered alike whatever order a server sends.
        Value::Object(
            members.into_iter().map(|(key, member)| (self.text(&key), self.value(member, Some(&key)))).collect(),
        )
    }

    fn scalar(&mut self, scalar: Value, key: &str) -> Value {
        let is_nothing = scalar.is_null() || scalar == "" || scalar == 0;
        if VOLATILE.contains(&key) && !is_nothing {
            return Value::String(format!("<{key}>"));
        }
        if let (true, Some(secs)) = (matches!(key, "ttl" | "lease_duration"), scalar.as_i64()) {
            // A second or two may have gone by.
            return Value::from((secs + 9).div_euclid(10) * 10);
        }
        match scalar.as_str() {
            Some(text) => Value::String(self.member(text, key)),
            None => scalar,
        }
    }

    fn member(&mut self, text: &str, key: &str) -> String {
        if key == "barcode" && !text.is_empty() {
            return picture(text);
        }
        if key == "namespace_id" {
            return if matches!(text, "" | "root") { text.into() } else { self.name("nsid", text) };
        }
        let is_mount = patterns::mount(None, text) == Some("");
        match SECRETS.iter().find(|(name, _)| *name == key) {
            Some((_, kind)) if !is_mount && text.chars().count() > 16 => self.secret(kind, text),
            Some(_) | None => self.text(text),
        }
    }

    fn text(&mut self, text: &str) -> String {
        if let Some((_, shown)) = self.secrets.iter().find(|(secret, _)| secret == text) {
            return shown.clone();
        }
        let text = self.secrets.iter().fold(text.to_owned(), |text, (secret, shown)| text.replace(secret, shown));
        let mut text = text.replace(self.namespace, "<ns>");
        text = rewrite(&text, patterns::id, |found| self.inside("id", found));
        text = rewrite(&text, patterns::moment, |_| "<time>".into());
        text = rewrite(&text, patterns::made_up_name, |found| self.inside("name", found));
        text = rewrite(&text, patterns::mount, |found| self.name("mount", found));
        text = rewrite(&text, patterns::seed, |found| format!("secret=<{} characters>", found.len() - "secret=".len()));
        rewrite(&text, patterns::wait, |_| "<seconds>".into())
    }

    /// The placeholder of an id or a name that may have a namespace's id behind a dot.
    fn inside(&mut self, kind: &'static str, found: &str) -> String {
        match found.split_once('.') {
            Some((id, namespace)) => format!("{}.{}", self.name(kind, id), self.name("nsid", namespace)),
            None => self.name(kind, found),
        }
    }

    fn secret(&mut self, kind: &'static str, text: &str) -> String {
        // It counts in each kind it is seen as, but keeps the first placeholder.
        let shown = self.name(kind, text);
        if let Some((_, first)) = self.secrets.iter().find(|(secret, _)| secret == text) {
            return first.clone();
        }
        self.secrets.push((text.to_owned(), shown.clone()));
        shown
    }

    fn name(&mut self, kind: &'static str, text: &str) -> String {
        let named = self.named.entry(kind).or_default();
        let at = named.iter().position(|known| known == text).unwrap_or_else(|| {
            named.push(text.to_owned());
            named.len() - 1
        });
        format!("<{kind}{}>", at + 1)
    }
}

/// A picture told by its size.
fn picture(text: &str) -> String {
    let png = BASE64.decode(text.as_bytes()).ok().filter(|bytes| bytes.get(1..4) == Some(b"PNG".as_slice()));
    let side = |at: usize| {
        let bytes = png.as_ref()?.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().expect("four bytes")))
    };
    match (side(16), side(20)) {
        (Some(width), Some(height)) => format!("<png {width}x{height}>"),
        (Some(_), None) | (None, _) => "<not a png>".into(),
    }
}
