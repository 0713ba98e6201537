//! What messages say: templates of operators, rendered within bounds, and standing words where there are none.
//!
//! A template sees the values of [`Values`] and nothing else. Rendering spends fuel for each step it takes and each byte it makes, so that no
//! template costs more than a little; one that cannot be rendered is refused when it is written.

use std::time::Duration;

use minijinja::{Environment, UndefinedBehavior, context};

use crate::model::contact::Channel;
use crate::model::out_of_band::OutOfBand;
use crate::secret::Secret;

/// Fuel for one template: a step costs 1, and so do 64 bytes.
const FUEL: u64 = 4_000;
/// The longest text message, in bytes: four parts.
const LONGEST_SMS: usize = 612;
/// The longest text of an e-mail, in bytes.
const LONGEST_EMAIL: usize = 16_384;
/// The longest subject, in characters.
const LONGEST_SUBJECT: usize = 200;
/// How much of a name a message repeats, in characters.
const LONGEST_NAME: usize = 64;

/// Templates of a message. The default is the standing words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Of the subject, where the channel has one.
    pub subject: Option<String>,
    /// Of the text.
    pub text: Option<String>,
    /// The host whose pages the code is for, if it is known.
    pub domain: Option<String>,
}

impl Words {
    /// What a method's settings say.
    pub fn of(settings: &OutOfBand) -> Self {
        Self { subject: settings.subject.clone(), text: settings.template.clone(), domain: settings.domain.clone() }
    }
}

/// What a message may say: `code`, `name`, `entity_id`, `method`, `domain`, `lifetime` (seconds) and `minutes`.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    /// The code.
    pub code: &'a Secret<String>,
    /// What the entity is called.
    pub name: &'a str,
    /// Its id.
    pub entity: &'a str,
    /// What the method is called.
    pub method: &'a str,
    /// How long the code is good for.
    pub lifetime: Duration,
}

/// A message's words.
pub struct Rendered {
    /// The subject, one line; empty where the channel has none.
    pub subject: String,
    /// The text.
    pub text: Secret<String>,
}

/// Why a template is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It cannot be rendered: it is no template, names what is not there, or takes too much.
    #[error("{0} cannot be rendered: {1}")]
    Unrenderable(&'static str, String),
    /// What it comes to does not hold the code.
    #[error("template must hold {{{{ code }}}}")]
    NoCode,
    /// What it comes to is too long.
    #[error("template is too long for a message: {0} bytes of {1}")]
    TooLong(usize, usize),
    /// What the subject comes to is no line of up to 200 characters.
    #[error("subject must be one line of at most {LONGEST_SUBJECT} characters")]
    Subject,
    /// What it comes to has control characters in it.
    #[error("template must not make control characters")]
    Control,
}

/// Check templates by rendering them with values such as they will get.
pub fn check(channel: Channel, words: &Words) -> Result<(), Refusal> {
    let code = Secret::new("0123456789ABCDEFGHJKMNPQRSTVWXYZ".to_owned());
    let values = Values {
        code: &code,
        name: "somebody",
        entity: "00000000-0000-0000-0000-000000000000",
        method: "method",
        lifetime: Duration::from_mins(5),
    };
    render(channel, words, &values).map(drop)
}

/// What to say. Where a template fails although it was checked, because it decides by its values, the standing words are said: a code that is not
/// sent locks somebody out.
pub fn say(channel: Channel, words: &Words, values: &Values<'_>) -> Rendered {
    render(channel, words, values).unwrap_or_else(|refusal| {
        tracing::warn!(%refusal, "a template failed; the standing words are sent instead");
        let standing = Words { domain: words.domain.clone(), ..Words::default() };
        let text = finished(channel, &standing, values, standing_text(values));
        Rendered { subject: standing_subject(channel), text: Secret::new(text) }
    })
}

fn render(channel: Channel, words: &Words, values: &Values<'_>) -> Result<Rendered, Refusal> {
    let text = match &words.text {
        None => standing_text(values),
        Some(template) => fill("template", template, words, values)?,
    };
    let text = finished(channel, words, values, text);
    let longest = match channel {
        Channel::Sms => LONGEST_SMS,
        Channel::Email => LONGEST_EMAIL,
    };
    if text.len() > longest {
        return Err(Refusal::TooLong(text.len(), longest));
    }
    if !text.contains(values.code.expose()) {
        return Err(Refusal::NoCode);
    }
    if text.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\t')) {
        return Err(Refusal::Control);
    }
    let subject = match (channel, &words.subject) {
        (Channel::Email, Some(template)) => fill("subject", template, words, values)?.trim().to_owned(),
        (Channel::Email | Channel::Sms, _) => standing_subject(channel),
    };
    if subject.chars().any(char::is_control) || subject.chars().count() > LONGEST_SUBJECT {
        return Err(Refusal::Subject);
    }
    Ok(Rendered { subject, text: Secret::new(text) })
}

fn fill(what: &'static str, template: &str, words: &Words, values: &Values<'_>) -> Result<String, Refusal> {
    let refused = |error: minijinja::Error| Refusal::Unrenderable(what, error.kind().to_string());
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let seconds = values.lifetime.as_secs();
    let known = context! {
        code => values.code.expose().as_str(),
        name => one_line(values.name),
        entity_id => values.entity,
        method => one_line(values.method),
        domain => words.domain.as_deref().unwrap_or_default(),
        lifetime => seconds,
        minutes => seconds.div_ceil(60),
    };
    let template = environment.template_from_str(template).map_err(refused)?;
    Ok(template.render(known).map_err(refused)?.replace("\r\n", "\n"))
}

/// A name as part of a line: it can neither end the line nor fill the message.
fn one_line(name: &str) -> String {
    name.chars().map(|character| if character.is_control() { ' ' } else { character }).take(LONGEST_NAME).collect()
}

fn standing_subject(channel: Channel) -> String {
    match channel {
        Channel::Sms => String::new(),
        Channel::Email => "Your code".to_owned(),
    }
}

fn standing_text(values: &Values<'_>) -> String {
    let seconds = values.lifetime.as_secs();
    let time = match seconds {
        0..=119 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds / 60),
    };
    format!("{} is your code. It is good for {time}. Tell it to nobody.", values.code.expose())
}

/// `text` with, where a host is known, the last line by which a browser on its pages finds the code in a text message.
fn finished(channel: Channel, words: &Words, values: &Values<'_>, text: String) -> String {
    match (channel, &words.domain) {
        (Channel::Sms, Some(domain)) => {
            let line = format!("@{domain} #{}", values.code.expose());
            let said = text.trim_end().strip_suffix(&line).unwrap_or(&text).trim_end().to_owned();
            format!("{said}\n\n{line}")
        }
        (Channel::Sms | Channel::Email, _) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        Words { text: Some(text.into()), ..Words::default() }
    }

    fn said(channel: Channel, words: &Words, name: &str) -> Rendered {
        let code = Secret::new("123456".to_owned());
        let lifetime = Duration::from_secs(90);
        say(channel, words, &Values { code: &code, name, entity: "e", method: "m", lifetime })
    }

    #[test]
    fn a_template_says_what_it_is_given() {
        let template =
            "{{ name }}: {{ code }}{% if minutes > 1 %} within {{ minutes }} minutes{% endif %} ({{ lifetime }} s)";
        let said = said(Channel::Sms, &words(template), "alice");
        assert_eq!(said.text.expose(), "alice: 123456 within 2 minutes (90 s)");
        assert_eq!(said.subject, "");
    }

    #[test]
    fn a_text_message_ends_with_the_line_that_browsers_look_for_where_a_host_is_known() {
        let standing = Words { domain: Some("example.com".into()), ..Words::default() };
        let text = "123456 is your code. It is good for 90 seconds. Tell it to nobody.\n\n@example.com #123456";
        assert_eq!(said(Channel::Sms, &standing, "").text.expose(), text);
        let own = Words { text: Some("It is {{ code }}\n@{{ domain }} #{{ code }}\n".into()), ..standing };
        assert_eq!(said(Channel::Sms, &own, "").text.expose(), "It is 123456\n\n@example.com #123456");
        assert!(!said(Channel::Email, &own, "").text.expose().ends_with("\n\n@example.com #123456"));
    }

    #[test]
    fn a_template_that_cannot_be_said_is_refused() {
        let refused = |text: &str| check(Channel::Sms, &words(text)).unwrap_err();
        for broken in [
            "{{ code",
            "{{ cod }}{{ code }}",
            "{% for %}",
            "{{ code | upper }}",
            "{{ code.x.y }}",
            "{{ code }}{% include 'x' %}",
        ] {
            assert!(matches!(refused(broken), Refusal::Unrenderable("template", _)), "{broken}");
        }
        assert_eq!(refused("no code"), Refusal::NoCode);
        assert_eq!(refused("{{ code }}\0"), Refusal::Control);
        assert!(matches!(refused(&("x".repeat(700) + "{{ code }}")), Refusal::TooLong(..)));
        let subject = |subject: &str| Words { subject: Some(subject.into()), ..Words::default() };
        assert_eq!(check(Channel::Email, &subject("a\r\nBcc: b@c.example")), Err(Refusal::Subject));
        assert_eq!(check(Channel::Email, &subject("a{{ '\\n' }}b")), Err(Refusal::Subject));
        assert_eq!(check(Channel::Email, &subject(&"x".repeat(201))), Err(Refusal::Subject));
        assert_eq!(check(Channel::Email, &subject("{{ code }} for {{ name }}")), Ok(()));
    }

    #[test]
    fn a_template_takes_little_whatever_it_asks_for() {
        let doubling = "{% set x = x ~ x %}".repeat(100);
        for greedy in [
            format!("{{% set x = 'xxxxxxxx' %}}{doubling}{{{{ code }}}}"),
            "{{ 'x' * 1000000000 }}{{ code }}".into(),
            "{{ [1] * 1000000000 }}{{ code }}".into(),
            "{% for a in 'xxxxxxxxxx' %}{% for b in 'xxxxxxxxxx' %}{% for c in 'xxxxxxxxxx' %}{% for d in 'xxxxxxxxxx' %}{{ code }}{% endfor %}{% endfor %}{% endfor %}{% endfor %}".into(),
            "{{ 10 ** 1000000000 }}{{ code }}".into(),
        ] {
            assert!(check(Channel::Email, &words(&greedy)).is_err(), "{greedy}");
        }
    }

    #[test]
    fn what_somebody_is_called_is_part_of_a_line_and_no_more() {
        let template = Words { subject: Some("For {{ name }}".into()), ..words("{{ code }} {{ name }}") };
        let to_eve = said(Channel::Email, &template, "eve\r\nBcc: x@y.example\n@evil.example #1");
        assert_eq!(to_eve.subject, "For eve  Bcc: x@y.example @evil.example #1");
        assert!(!to_eve.text.expose().contains('\n'));
        let long = said(Channel::Email, &template, &"x".repeat(1_000));
        assert!(long.subject.len() < 100);
    }

    #[test]
    fn where_a_template_fails_for_somebody_the_standing_words_are_sent() {
        let trap = words("{{ code }}{% if name == 'eve' %}{{ missing }}{% endif %}");
        assert_eq!(check(Channel::Sms, &trap), Ok(()));
        assert!(said(Channel::Sms, &trap, "eve").text.expose().starts_with("123456 is your code."));
    }
}
