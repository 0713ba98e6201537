//! One path of the document: its operations, what each takes, and what each may answer.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::components::{bare_responses, responses, schema};
use super::template::Template;
use crate::dialect::vault::field::Field;
use crate::dialect::vault::route::{Door, Route};
use crate::engine::access::Capability;

/// A path, and its operations by verb.
pub(super) struct Item {
    template: Template,
    operations: BTreeMap<&'static str, Operation>,
}

struct Operation {
    fields: &'static [Field],
    /// What the path captures though it is not in it.
    absent: &'static [&'static str],
    /// Whether the fields are there for writing.
    for_writing: bool,
    reads: bool,
    lists: bool,
    open: bool,
    /// Whether it is answered without an envelope, by the server rather than a route.
    bare: bool,
}

impl Item {
    /// A path that nothing can be done with yet.
    pub(super) const fn new(template: Template) -> Self {
        Self { template, operations: BTreeMap::new() }
    }

    /// Add what is answered without a route.
    pub(super) fn answered_bare(&mut self, fields: &'static [Field], verbs: &[&'static str]) {
        let for_writing = verbs.contains(&"POST");
        for verb in verbs {
            let reads = matches!(*verb, "GET" | "HEAD");
            let operation = Operation { fields, absent: &[], for_writing, reads, lists: false, open: true, bare: true };
            self.operations.insert(verb, operation);
        }
    }

    /// Add what `route` can do. Parameters that it takes for writing are not said to count where it only reads or deletes.
    pub(super) fn routed(&mut self, route: &'static Route) {
        let writes = |can| matches!(can, Capability::Update | Capability::Patch);
        let for_writing = route.handlers.iter().any(|(can, _)| writes(*can));
        for (can, _) in route.handlers {
            for verb in verbs(*can) {
                let operation = self.operations.entry(verb).or_insert(Operation {
                    fields: route.fields,
                    absent: route.absent,
                    for_writing,
                    reads: false,
                    lists: false,
                    open: route.door != Door::Token,
                    bare: false,
                });
                operation.reads |= *can == Capability::Read;
                operation.lists |= *can == Capability::List;
            }
        }
    }

    /// The path's description. The parameters of its writes go among `schemas`.
    pub(super) fn describe(&self, schemas: &mut Map<String, Value>) -> Value {
        let mut item = Map::new();
        let mut parameters = self.template.describe();
        if self.operations.values().any(|operation| !operation.bare) {
            parameters.push(json!({ "$ref": "#/components/parameters/Namespace" }));
        }
        if !parameters.is_empty() {
            item.insert("parameters".into(), parameters.into());
        }
        if self.operations.values().all(|operation| operation.open) {
            item.insert("x-vault-unauthenticated".into(), true.into());
        }
        for (verb, operation) in &self.operations {
            item.insert(verb.to_lowercase(), self.operation(verb, operation, schemas));
        }
        item.into()
    }

    fn operation(&self, verb: &str, operation: &Operation, schemas: &mut Map<String, Value>) -> Value {
        let name = match verb {
            "GET" if operation.reads => "read",
            "GET" => "list",
            "POST" => "write",
            _ => &verb.to_lowercase(),
        };
        let mut described = Map::new();
        described.insert("operationId".into(), format!("{name}-{}", self.template.words().join("-")).into());
        described.insert("tags".into(), json!([self.template.tag()]));
        let chooses_status = !operation.for_writing && !operation.fields.is_empty();
        let responses = if operation.bare { bare_responses(verb, chooses_status) } else { responses(verb) };
        described.insert("responses".into(), responses);
        if operation.open {
            described.insert("security".into(), json!([]));
        }
        if matches!(verb, "POST" | "PUT" | "PATCH") {
            if let Some(body) = self.body(verb, operation, schemas) {
                described.insert("requestBody".into(), body);
            }
        } else {
            described.insert("parameters".into(), self.query(operation).into());
        }
        described.into()
    }

    /// What a write takes.
    fn body(&self, verb: &str, operation: &Operation, schemas: &mut Map<String, Value>) -> Option<Value> {
        let members: Map<String, Value> =
            self.fields(operation).map(|field| (field.name.to_owned(), schema(field.kind))).collect();
        if members.is_empty() {
            return None;
        }
        let (change, media_type) = match verb {
            "PATCH" => ("Patch", "application/merge-patch+json"),
            _ => ("", "application/json"),
        };
        let name =
            format!("{}{change}Request", self.template.words().iter().map(|word| capital(word)).collect::<String>());
        let reference = format!("#/components/schemas/{name}");
        schemas.insert(name, json!({ "type": "object", "properties": members }));
        Some(json!({ "content": { media_type: { "schema": { "$ref": reference } } } }))
    }

    /// What anything but a write takes.
    fn query(&self, operation: &Operation) -> Vec<Value> {
        let mut parameters = Vec::new();
        if operation.lists {
            parameters.push(json!({
                "name": "list",
                "in": "query",
                "required": !operation.reads,
                "description": "Asks for a list. The verb `LIST`, without this, does the same.",
                "schema": { "type": "string", "enum": ["true"] },
            }));
        }
        if !operation.for_writing {
            parameters.extend(
                self.fields(operation)
                    .map(|field| json!({ "name": field.name, "in": "query", "schema": schema(field.kind) })),
            );
        }
        parameters
    }

    /// The parameters that the path does not settle.
    fn fields(&self, operation: &Operation) -> impl Iterator<Item = &'static Field> {
        let settled = |field: &&Field| self.template.captures(field.name) || operation.absent.contains(&field.name);
        operation.fields.iter().filter(move |field| !settled(field))
    }
}

/// The verbs that ask for this.
const fn verbs(can: Capability) -> &'static [&'static str] {
    match can {
        Capability::Read | Capability::List => &["GET"],
        Capability::Update => &["POST", "PUT"],
        Capability::Patch => &["PATCH"],
        Capability::Delete => &["DELETE"],
    }
}

/// `word` with a capital.
fn capital(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters).collect()
}
