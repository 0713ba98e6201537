//! Members of a JSON value by dotted path.

use serde_json::{Value, json};

/// The member at `path`, or `null`.
pub(super) fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    let step = |value: &'v Value, part: &str| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        Value::Object(members) => members.get(part),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    path.split('.').try_fold(value, step).unwrap_or(&Value::Null)
}

/// Leave out what is at `path`, where `*` stands for every key or item. Of a list, whole items stay.
pub(super) fn prune(value: &mut Value, path: &str) {
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    match (value, rest) {
        (Value::Array(items), Some(rest)) => {
            let chosen = |at: usize| head == "*" || head.parse() == Ok(at);
            items.iter_mut().enumerate().filter(|(at, _)| chosen(*at)).for_each(|(_, item)| prune(item, rest));
        }
        (Value::Object(members), None) => members.retain(|key, _| head != "*" && head != key),
        (Value::Object(members), Some(rest)) => {
            let chosen = members.iter_mut().filter(|(key, _)| head == "*" || head == *key);
            chosen.for_each(|(_, member)| prune(member, rest));
        }
        (Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => {}
    }
}

#[test]
fn a_dotted_path_leads_through_objects_and_lists() {
    let value = json!({ "data": { "keys": ["a", { "b": 1 }] } });
    assert_eq!(at(&value, "data.keys.1.b"), &json!(1));
    for absent in ["data.keys.2", "data.keys.x", "data.nothing.here", "data.keys.0.b"] {
        assert_eq!(at(&value, absent), &Value::Null, "{absent}");
    }
}

#[test]
fn a_star_leaves_a_member_out_everywhere() {
    let mut value = json!({ "data": { "a": { "v": 1, "w": 2 }, "b": { "v": 3 } }, "list": [{ "v": 1 }, { "v": 2 }] });
    prune(&mut value, "data.*.v");
    prune(&mut value, "list.1.v");
    prune(&mut value, "nothing.here");
    assert_eq!(value, json!({ "data": { "a": { "w": 2 }, "b": {} }, "list": [{ "v": 1 }, {}] }));
}
