//! Templates of links, as callers send them: `https://acme.com/verify?code={{.Code}}`. What stands in for a name is escaped.

use super::super::error::Error;

/// `template` with the names in it replaced by what `values` say.
///
/// # Errors
/// When its braces make no sense, or a name is not among the values.
pub(in crate::dialect::zitadel) fn render(template: &str, values: &[(&str, &str)]) -> Result<String, Error> {
    fill(
        template,
        |name| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some(form_urlencoded::byte_serialize(value.as_bytes()).collect())
        },
        str::to_owned,
    )
}

/// `template` as one in which the engine puts a code: everything but the code is filled in, and stands for itself.
///
/// # Errors
/// As [`render`].
pub(in crate::dialect::zitadel) fn for_code(template: &str, values: &[(&str, &str)]) -> Result<String, Error> {
    fill(
        template,
        |name| {
            if name == "Code" {
                return Some("{{ code }}".to_owned());
            }
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            let escaped: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            Some(literal(&escaped))
        },
        literal,
    )
}

/// `text` in a template of the engine's, where it stands for itself whatever is in it.
pub(in crate::dialect::zitadel) fn literal(text: &str) -> String {
    // Nothing means anything in such a template but what a brace begins.
    text.replace('{', "{{ '{' }}")
}

fn fill(
    template: &str,
    value_of: impl Fn(&str) -> Option<String>,
    literal: impl Fn(&str) -> String,
) -> Result<String, Error> {
    let unreadable = || Error::invalid("DOMAIN-oGh5e", "URL Template is invalid");
    if template.chars().any(char::is_control) {
        return Err(unreadable());
    }
    let (mut out, mut rest) = (String::new(), template);
    while let Some((before, behind)) = rest.split_once("{{") {
        let (inside, after) = behind.split_once("}}").ok_or_else(unreadable)?;
        let name = inside.trim().strip_prefix('.').ok_or_else(unreadable)?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(unreadable());
        }
        let value = value_of(name).ok_or_else(|| Error::invalid("DOMAIN-ieYa7", "URL Template is invalid"))?;
        out += &literal(before);
        out += &value;
        rest = after;
    }
    Ok(out + &literal(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: &str) -> Result<String, Error> {
        render(template, &[("Code", "A1"), ("LoginName", "a&b=c@d")])
    }

    #[test]
    fn names_are_replaced_and_escaped() {
        assert_eq!(
            rendered("https://x/?c={{.Code}}&n={{ .LoginName }}").ok().as_deref(),
            Some("https://x/?c=A1&n=a%26b%3Dc%40d")
        );
        assert_eq!(rendered("https://x/{y}").ok().as_deref(), Some("https://x/{y}"));
    }

    #[test]
    fn what_a_caller_writes_means_nothing_to_the_engine() {
        let filled = for_code("https://x/{% for %}{# {y}?c={{.Code}}&n={{.LoginName}}", &[("LoginName", "{{ code }}")]);
        let expected = "https://x/{{ '{' }}% for %}{{ '{' }}# {{ '{' }}y}?c={{ code }}&n=%7B%7B+code+%7D%7D";
        assert_eq!(filled.ok().as_deref(), Some(expected));
    }

    #[test]
    fn what_makes_no_sense_is_told_from_what_is_not_known() {
        for template in ["{{.Code", "{{Code}}", "{{}}", "{{.}}", "{{.Code.x}}", "{{if .Code}}", "a\nb"] {
            assert_eq!(
                rendered(template),
                Err(Error::invalid("DOMAIN-oGh5e", "URL Template is invalid")),
                "{template}"
            );
        }
        assert_eq!(rendered("{{.Password}}"), Err(Error::invalid("DOMAIN-ieYa7", "URL Template is invalid")));
    }
}
