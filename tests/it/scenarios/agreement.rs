//! Whether an answer is the wanted one, by the rules of its step.

use serde_json::{Value, json};

use super::members::{at, prune};
use super::script::{Answer, Fix, Step};

/// Whether `got` is what `step` wants, `recorded` being what the original answers. Both have placeholders.
pub(super) fn agrees(step: &Step, recorded: &Answer, got: &Answer) -> bool {
    let as_fixed = step.fix.as_ref().is_some_and(|fix| agrees_with_fix(fix, recorded, got));
    let may_be_as_recorded = step.fix.as_ref().is_none_or(|fix| fix.optional);
    as_fixed || may_be_as_recorded && agrees_with_recording(step, recorded, got)
}

fn agrees_with_fix(fix: &Fix, recorded: &Answer, got: &Answer) -> bool {
    let status =
        fix.status.as_ref().map_or(got.status == recorded.status, |wanted| wanted.as_slice().contains(&got.status));
    let body = fix.body.as_ref().is_none_or(|body| *body == got.body);
    let error = fix.error.as_ref().is_none_or(|text| says(&got.body, text));
    status && body && error
}

fn agrees_with_recording(step: &Step, recorded: &Answer, got: &Answer) -> bool {
    if (got.status, &got.headers) != (recorded.status, &recorded.headers) {
        return false;
    }
    if step.any {
        return true;
    }
    if let Some(text) = &step.error {
        return says(&got.body, text);
    }
    if let Some(only) = &step.only {
        return only.iter().all(|path| at(&recorded.body, path) == at(&got.body, path));
    }
    let (mut wanted, mut body) = (recorded.body.clone(), got.body.clone());
    for path in &step.skip {
        prune(&mut wanted, path);
        prune(&mut body, path);
    }
    if step.loose { covers(&wanted, &body) } else { wanted == body }
}

/// Whether some error or warning contains `text`.
fn says(body: &Value, text: &str) -> bool {
    let texts = ["errors", "warnings"].iter().filter_map(|list| body.get(list)?.as_array()).flatten();
    texts.filter_map(Value::as_str).any(|found| found.contains(text))
}

/// Whether `got` has every member of `wanted`, of the same type; of lists the first item tells.
fn covers(wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            wanted.iter().all(|(key, member)| got.get(key).is_some_and(|got| covers(member, got)))
        }
        (Value::Array(wanted), Value::Array(got)) => {
            wanted.first().is_none_or(|first| got.first().is_some_and(|got| covers(first, got)))
        }
        (Value::Number(wanted), Value::Number(got)) => wanted.is_f64() == got.is_f64(),
        (wanted, got) => std::mem::discriminant(wanted) == std::mem::discriminant(got),
    }
}

fn step(rules: &Value) -> Step {
    let mut step = json!({ "op": "GET", "path": "x" });
    step.as_object_mut().unwrap().extend(rules.as_object().unwrap().clone());
    serde_json::from_value(step).unwrap()
}

fn answer(status: u16, body: &Value) -> Answer {
    Answer { status, body: body.clone(), headers: None }
}

#[test]
fn without_a_rule_everything_is_compared() {
    let plain = step(&json!({}));
    let recorded = answer(200, &json!({ "a": 1 }));
    assert!(agrees(&plain, &recorded, &recorded));
    assert!(!agrees(&plain, &recorded, &answer(204, &json!({ "a": 1 }))));
    assert!(!agrees(&plain, &recorded, &answer(200, &json!({ "a": 1, "b": 2 }))));
    assert!(!agrees(&plain, &recorded, &Answer { headers: Some(json!({})), ..recorded.clone() }));
}

#[test]
fn a_rule_compares_what_it_says_and_no_less() {
    let recorded = answer(400, &json!({ "errors": ["a b"], "n": [{ "x": 1 }] }));
    let other = json!({ "errors": ["a b c"], "n": [{ "x": 2, "y": 3 }] });
    for (rules, agreed) in [
        (json!({ "any": true }), true),
        (json!({ "error": "b c" }), true),
        (json!({ "error": "c d" }), false),
        (json!({ "loose": true }), true),
        (json!({ "only": ["n.1"] }), true),
        (json!({ "only": ["n.0.x"] }), false),
        (json!({ "skip": ["errors", "n.*.x", "n.0.y"] }), true),
        (json!({ "skip": ["errors", "n.*.x"] }), false),
    ] {
        assert_eq!(agrees(&step(&rules), &recorded, &answer(400, &other)), agreed, "{rules}");
        assert!(!agrees(&step(&rules), &recorded, &answer(500, &other)), "{rules}");
    }
    let loose = step(&json!({ "loose": true }));
    for lacking in [json!({ "errors": [1], "n": [{ "x": 1 }] }), json!({ "errors": ["a"], "n": [] }), json!(["a"])] {
        assert!(!agrees(&loose, &recorded, &answer(400, &lacking)), "{lacking}");
    }
}

#[test]
fn a_fix_is_wanted_instead_of_the_recording() {
    let recorded = answer(500, &json!({ "errors": ["oh"] }));
    let refused = answer(400, &json!({ "errors": ["no such thing"] }));
    for (fix, agreed, or_recorded) in [
        (json!({ "status": 400, "why": "" }), true, false),
        (json!({ "status": [403, 400], "why": "", "error": "such" }), true, false),
        (json!({ "status": 400, "why": "", "error": "some" }), false, false),
        (json!({ "status": 400, "why": "", "body": null }), false, false),
        (json!({ "status": 400, "why": "", "body": { "errors": ["no such thing"] }, "optional": true }), true, true),
    ] {
        let step = step(&json!({ "fix": fix }));
        assert_eq!(agrees(&step, &recorded, &refused), agreed, "{fix}");
        assert_eq!(agrees(&step, &recorded, &recorded), or_recorded, "{fix}");
    }
}
