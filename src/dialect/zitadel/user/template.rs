//! Templates of links, as callers send them: `https://acme.com/verify?code={{.Code}}`. What stands in for a name is escaped.

use super::super::error::Error;

/// `template` with the names in it replaced by what `values` say.
///
/// # Errors
/// When its braces make no sense, or a name is not among the values.
pub(in crate::dialect::zitadel) fn render(template: &str, values: &[(&str, &str)]) -> Result<String, Error> {
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
        let value = values.iter().find(|(known, _)| *known == name);
        let (_, value) = value.ok_or_else(|| Error::invalid("DOMAIN-ieYa7", "URL Template is invalid"))?;
        out += before;
        out.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        rest = after;
    }
    Ok(out + rest)
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
