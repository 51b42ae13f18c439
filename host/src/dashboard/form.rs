//! The form from which an event is sent: what was typed, and what is wrong with it.

use super::fields::Fields;
use pawl_engine::event::BadEvent;
use pawl_engine::{NewEvent, Payload, limits};

/// Lines of the data that are shown at once.
const ROWS: std::ops::RangeInclusive<usize> = 8..=24;

/// The fields as they are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct EventForm {
    /// Where it is sent to.
    pub(super) action: String,
    /// What its button is called.
    pub(super) button: &'static str,
    /// The event's name.
    pub(super) name: String,
    /// Its data, as JSON.
    pub(super) data: String,
    /// Its user, as JSON or nothing.
    pub(super) user: String,
    /// The data are those of an event that there is.
    pub(super) is_prefilled: bool,
    /// What is wrong.
    pub(super) problems: Problems,
}

/// What is wrong with which field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Problems {
    /// See [`EventForm::name`].
    pub(super) name: Option<String>,
    /// See [`EventForm::data`].
    pub(super) data: Option<String>,
    /// See [`EventForm::user`].
    pub(super) user: Option<String>,
}

impl EventForm {
    /// With nothing but an example.
    pub(super) fn new(action: String, button: &'static str, name: String) -> Self {
        Self { action, button, name, data: "{}".into(), ..Self::default() }
    }

    /// As it was typed.
    pub(super) fn typed(self, fields: &Fields) -> Self {
        let text = |name| fields.text(name).to_owned();
        Self { name: text("name"), data: text("data"), user: text("user"), is_prefilled: false, ..self }
    }

    /// Lines of the data's field.
    pub(super) fn rows(&self) -> usize {
        (self.data.lines().count() + 1).clamp(*ROWS.start(), *ROWS.end())
    }

    /// The event, or the form with what is wrong.
    pub(super) fn parse(mut self) -> Result<NewEvent, Box<Self>> {
        let data = object(if self.data.trim().is_empty() { "{}" } else { &self.data });
        let user = Some(self.user.as_str()).filter(|text| !text.trim().is_empty()).map(object).transpose();
        let (data, user) = match (data, user) {
            (Ok(data), Ok(user)) => (data, user),
            (data, user) => {
                self.problems = Problems { name: None, data: data.err(), user: user.err() };
                return Err(Box::new(self));
            }
        };
        let name = self.name.trim().into();
        let event = NewEvent { name, data, user, at: None, version: None, sender: None, trace: None };
        event.check().map_err(|bad| {
            self.problems.name = Some(name_problem(&bad));
            Box::new(self)
        })
    }
}

/// Data and user were looked at before: what is left is the name.
fn name_problem(bad: &BadEvent) -> String {
    match bad {
        BadEvent::NoName => "An event needs a name, such as shop/order.placed.".into(),
        BadEvent::ReservedName(_) => "Names that begin with inngest/ or pawl/ are the host's own.".into(),
        bad => sentence(&bad.to_string()),
    }
}

fn object(text: &str) -> Result<Payload, String> {
    let payload =
        Payload::parse(text.to_owned(), limits::EVENT_BYTES).map_err(|e| sentence(&e.to_string()))?;
    match payload.as_str().trim_start().starts_with('{') {
        true => Ok(payload),
        false => Err("This is JSON, but no object: put it into braces, such as {\"value\": 1}.".into()),
    }
}

/// What an error says, as a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(name: &str, data: &str, user: &str) -> EventForm {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("name", name).append_pair("data", data).append_pair("user", user);
        EventForm::new("/x".into(), "Send", String::new()).typed(&Fields::parse(body.finish().as_bytes()))
    }

    #[test]
    fn what_was_typed_becomes_an_event() {
        let event = typed(" a/b ", "{\"n\": 1.50}", "{\"id\":7}").parse().expect("valid");
        assert_eq!((&*event.name, event.data.as_str()), ("a/b", "{\"n\": 1.50}"));
        assert_eq!(event.user.expect("a user").as_str(), "{\"id\":7}");
        assert_eq!(typed("a", " ", "").parse().expect("valid").data.as_str(), "{}");
    }

    #[test]
    fn what_is_wrong_is_said_at_its_field_and_what_was_typed_is_kept() {
        let form = typed("a/b", "{\"n\": }", "[]").parse().expect_err("wrong");
        assert!(form.problems.data.as_deref().is_some_and(|p| p.contains("line 1 column")), "{form:?}");
        assert!(form.problems.user.is_some() && form.problems.name.is_none(), "{form:?}");
        assert_eq!((form.data.as_str(), form.user.as_str()), ("{\"n\": }", "[]"));
        for name in ["", "  ", "pawl/x", "a\nb"] {
            let form = typed(name, "{}", "").parse().expect_err("wrong");
            assert!(form.problems.name.is_some() && form.problems.data.is_none(), "{form:?}");
        }
    }
}
