//! A route's pattern as OpenAPI writes it: `{name}` for what varies, with a schema beside it for the form.

use serde_json::{Value, json};

/// What the name of the parameter ends with that stands for a mount's path.
pub(super) const MOUNT_PATH: &str = "_mount_path";

/// A pattern, segment by segment.
pub(super) struct Template(Vec<Segment>);

enum Segment {
    Literal(String),
    Parameter { name: String, form: Form },
}

/// The forms that a pattern may ask of what varies.
enum Form {
    /// One segment.
    Any,
    /// A UUID in lower case.
    Id,
    /// Letters, digits and `_` and, inside, `-` and `.`.
    Word,
    /// All that is left of the path.
    Rest,
    /// The path of a mount of this kind.
    Mount(String),
}

impl Template {
    /// The template of a route's pattern.
    pub(super) fn of(pattern: &str) -> Self {
        Self(pattern.split('/').map(Segment::of).collect())
    }

    /// The path, as the document writes it.
    pub(super) fn text(&self) -> String {
        let segments = self.0.iter().map(|segment| match segment {
            Segment::Literal(text) => format!("/{text}"),
            Segment::Parameter { name, .. } => format!("/{{{name}}}"),
        });
        segments.collect()
    }

    /// The words of the path, for names that are made of it.
    pub(super) fn words(&self) -> Vec<String> {
        let segments = self.0.iter().map(|segment| match segment {
            Segment::Literal(text) => text.as_str(),
            Segment::Parameter { name, .. } => name.strip_suffix(MOUNT_PATH).unwrap_or(name),
        });
        segments.flat_map(|segment| segment.split(['-', '_'])).map(str::to_owned).collect()
    }

    /// What the path belongs to, in the reference's words.
    pub(super) fn tag(&self) -> &str {
        match self.0.first() {
            Some(Segment::Literal(text)) if text == "sys" => "system",
            Some(Segment::Literal(text) | Segment::Parameter { name: text, .. }) => text,
            None => "",
        }
    }

    /// Whether the path captures `name`.
    pub(super) fn captures(&self, name: &str) -> bool {
        self.parameters().any(|(known, _)| known == name)
    }

    /// The path's parameters.
    pub(super) fn describe(&self) -> Vec<Value> {
        let described = self.parameters().map(|(name, form)| {
            let mut parameter = json!({ "name": name, "in": "path", "required": true, "schema": form.schema() });
            if let (Form::Rest, Some(members)) = (form, parameter.as_object_mut()) {
                members.insert("description".into(), "Slashes in it are not escaped.".into());
            }
            parameter
        });
        described.collect()
    }

    fn parameters(&self) -> impl Iterator<Item = (&str, &Form)> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Parameter { name, form } => Some((name.as_str(), form)),
        })
    }
}

impl Segment {
    fn of(text: &str) -> Self {
        let Some(name) = text.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else {
            return Self::Literal(text.into());
        };
        let (name, form) = match name.split_once(':') {
            Some((name, "id")) => (name, Form::Id),
            Some((name, "word")) => (name, Form::Word),
            Some((name, _)) => (name, Form::Any),
            None => match (name.strip_suffix('*'), name.strip_suffix(MOUNT_PATH)) {
                (Some(name), _) => (name, Form::Rest),
                (None, Some(kind)) => (name, Form::Mount(kind.into())),
                (None, None) => (name, Form::Any),
            },
        };
        Self::Parameter { name: name.into(), form }
    }
}

impl Form {
    fn schema(&self) -> Value {
        match self {
            Self::Any | Self::Rest => json!({ "type": "string", "minLength": 1 }),
            Self::Id => {
                json!({ "type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$" })
            }
            Self::Word => json!({ "type": "string", "pattern": "^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$" }),
            Self::Mount(kind) => json!({ "type": "string", "minLength": 1, "default": kind }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_templates() {
        for (pattern, text) in [
            ("sys/health", "/sys/health"),
            ("a/{x}/b", "/a/{x}/b"),
            ("a/{x:id}", "/a/{x}"),
            ("a/{x:word}/b", "/a/{x}/b"),
            ("a/{x*}", "/a/{x}"),
            ("auth/{userpass_mount_path}/login", "/auth/{userpass_mount_path}/login"),
        ] {
            assert_eq!(Template::of(pattern).text(), text);
        }
        assert_eq!(
            Template::of("auth/{userpass_mount_path}/login/{user_name:word}").words().join("-"),
            "auth-userpass-login-user-name"
        );
        assert_eq!(Template::of("sys/a-b/{c:id}").tag(), "system");
    }
}
