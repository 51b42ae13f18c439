//! An endpoint as an operator describes it: who sends there, how that is proved, and what
//! becomes of it.

use super::mapping::Templates;
use super::scheme::{Key, Scheme, one};
use super::{Provider, Rejected, Said, plain};
use http::{HeaderMap, HeaderName, header};
use pawl_engine::event::{BadEvent, SenderId};
use pawl_engine::{NewEvent, Payload, Timestamp, limits};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Longest type in an event's name.
const NAME_BYTES: usize = 255;

/// Names that a part of a webhook's header has if it may hold what proves something.
const SECRETIVE: [&str; 10] =
    ["auth", "cookie", "credential", "hmac", "jwt", "key", "pass", "secret", "signature", "token"];

/// Where webhooks come in that one sender sends.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its name in the path, in events and in lists.
    pub name: Arc<str>,
    /// The same, as a sender of ids.
    pub source: &'static str,
    /// What its operator calls the sender: `github`.
    pub kind: String,
    /// How requests are signed.
    pub scheme: Scheme,
    /// Where they say what happened.
    pub facts: Facts,
    /// Whose signatures hold. None: nothing is accepted.
    pub keys: Vec<Key>,
    /// What becomes of a webhook.
    pub mapping: Mapping,
}

/// Where a webhook says what happened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The sender's id, at the first place that has one, where it is not signed apart.
    pub id: Vec<Place>,
    /// Whether a webhook without an id is refused.
    pub needs_id: bool,
    /// What happened, at the first place that says it.
    pub name: Vec<Place>,
    /// More of it, behind a dot.
    pub action: Option<Place>,
    /// What else its sender does.
    pub habit: Option<Habit>,
}

/// A place in a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A header.
    Header(HeaderName),
    /// A JSON pointer into the body.
    Body(String),
}

/// What one sender does and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Pings a new endpoint.
    GitHub,
    /// Wants a challenge back before it sends.
    Slack,
    /// Parts its topics by slashes.
    Shopify,
}

/// What becomes of a webhook.
#[derive(Debug, Clone)]
pub enum Mapping {
    /// An event `name/type` with the body as its data.
    AsItCame,
    /// What these make of it.
    Templates(Templates),
    /// An event for this function, which sends others.
    Function(String),
}

impl Provider for Endpoint {
    fn name(&self) -> &str {
        &self.name
    }

    fn accept(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Said, Rejected> {
        plain(headers)?;
        let signed_id = self.scheme.verify(headers, body, &self.keys, now)?;
        let read = Read::new(headers, body);
        // a function may make something of what nobody else can read
        if let (Err(e), None) = (&read, self.function()) {
            return Err(e.clone());
        }
        let value = read.as_ref().map_or(&Value::Null, |read| &read.value);
        if let Some(answer) = self.facts.habit.and_then(|habit| habit.answers(headers, value)) {
            return Ok(answer);
        }
        let id = match signed_id {
            Some(id) => Some(id),
            None => self.facts.id(headers, value)?,
        };
        match &self.mapping {
            Mapping::Function(_) => {
                let data = self.for_function(headers, body, value);
                self.event(self.event_for_function(), data.to_string(), id).map(Said::Event)
            }
            Mapping::AsItCame => {
                let read = read?;
                let name = self.facts.what(headers, &read.value)?;
                self.event(format!("{}/{name}", self.name), read.into_object(), id).map(Said::Event)
            }
            Mapping::Templates(templates) => self.mapped(templates, headers, read?, id),
        }
    }
}

impl Endpoint {
    /// The function that makes events of its webhooks, if that is a function's work.
    pub fn function(&self) -> Option<&str> {
        match &self.mapping {
            Mapping::Function(id) => Some(id),
            Mapping::AsItCame | Mapping::Templates(_) => None,
        }
    }

    /// The event's name for such a function.
    pub fn event_for_function(&self) -> String {
        format!("webhook/{}", self.name)
    }

    fn mapped(
        &self,
        templates: &Templates,
        headers: &HeaderMap,
        read: Read,
        id: Option<String>,
    ) -> Result<Said, Rejected> {
        let mapped = templates.map(&self.name, &read.value, &self.shown(headers))?;
        if mapped.is_skipped {
            return Ok(Said::Ignored("skipped"));
        }
        let name = match mapped.name {
            Some(name) => name,
            None => format!("{}/{}", self.name, self.facts.what(headers, &read.value)?),
        };
        let id = match mapped.id {
            Some(id) => Some(id).filter(|id| !id.is_empty()),
            None => id,
        };
        let data = mapped.data.unwrap_or_else(|| read.into_object());
        let unmapped = |e: Rejected| match e {
            Rejected::InvalidEvent(why) => Rejected::Mapping(why),
            e => e,
        };
        self.event(name, data, id).map(Said::Event).map_err(unmapped)
    }

    fn event(&self, name: String, data: String, id: Option<String>) -> Result<NewEvent, Rejected> {
        let data = Payload::parse(data, limits::EVENT_BYTES)
            .map_err(|e| Rejected::InvalidEvent(format!("its data: {e}")))?;
        let sender = id.map(|id| SenderId { source: self.source, id });
        NewEvent { name: name.into(), data, user: None, at: None, version: None, sender, trace: None }
            .check()
            .map_err(|e: BadEvent| Rejected::InvalidEvent(e.to_string()))
    }

    /// Everything that came, for a function that makes events of it.
    fn for_function(&self, headers: &HeaderMap, body: &[u8], value: &Value) -> Value {
        json!({
            "webhook": &*self.name,
            "headers": self.shown(headers),
            "body": value,
            "raw": String::from_utf8_lossy(body),
        })
    }

    /// The headers by their lower-case names, without those that prove something.
    fn shown(&self, headers: &HeaderMap) -> Value {
        let is_signature = |name: &HeaderName| self.scheme.families.iter().any(|f| f.signature == *name);
        let mut shown = Map::new();
        for name in headers.keys() {
            let is_secret = SECRETIVE.iter().any(|part| name.as_str().contains(part)) || is_signature(name);
            if !is_secret {
                let values = headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes()));
                shown.insert(name.to_string(), values.collect::<Vec<_>>().join(", ").into());
            }
        }
        shown.into()
    }
}

impl Facts {
    fn id(&self, headers: &HeaderMap, body: &Value) -> Result<Option<String>, Rejected> {
        let id = self.id.iter().find_map(|place| place.text(headers, body));
        match id {
            None if self.needs_id => {
                let places: Vec<_> = self.id.iter().map(Place::to_string).collect();
                Err(Rejected::InvalidEvent(format!("it has no id in {}", places.join(" or "))))
            }
            id => Ok(id),
        }
    }

    /// What happened, for the event's name.
    fn what(&self, headers: &HeaderMap, body: &Value) -> Result<String, Rejected> {
        let Some(mut what) = self.name.iter().find_map(|place| place.text(headers, body)) else {
            let is_command = self.habit == Some(Habit::Slack) && body["command"].is_string();
            return Ok(if is_command { "slash_command".into() } else { "received".into() });
        };
        if let Some(action) = self.action.as_ref().and_then(|place| place.text(headers, body)) {
            what = format!("{what}.{action}");
        }
        if self.habit == Some(Habit::Shopify) {
            what = what.replace('/', ".");
        }
        if what.len() > NAME_BYTES || what.chars().any(char::is_control) {
            return Err(Rejected::InvalidEvent("its type is too long or not plain".into()));
        }
        Ok(what)
    }
}

impl Place {
    /// What is there: a text that is not empty, or a whole number.
    fn text(&self, headers: &HeaderMap, body: &Value) -> Option<String> {
        let text = match self {
            Self::Header(name) => one(headers, name)?.trim().to_owned(),
            Self::Body(pointer) => match body.pointer(pointer)? {
                Value::String(text) => text.clone(),
                Value::Number(n) if n.is_i64() || n.is_u64() => n.to_string(),
                _ => return None,
            },
        };
        Some(text).filter(|text| !text.is_empty())
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Header(name) => write!(f, "the header {name}"),
            Self::Body(pointer) => write!(f, "the body's {pointer}"),
        }
    }
}

impl Habit {
    /// What is answered at once, without an event.
    fn answers(self, headers: &HeaderMap, body: &Value) -> Option<Said> {
        match self {
            Self::Slack if body["type"] == "url_verification" => {
                let challenge = body["challenge"].as_str()?;
                Some(Said::Answer("url_verification", json!({ "challenge": challenge })))
            }
            Self::GitHub => {
                let event = one(headers, &HeaderName::from_static("x-github-event"));
                (event == Some("ping")).then_some(Said::Ignored("ping"))
            }
            _ => None,
        }
    }
}

/// A body that was understood.
struct Read {
    value: Value,
    /// The same as it was written.
    text: String,
}

impl Read {
    /// JSON, or a form's fields. A form's field `payload` that is a JSON object is the body.
    fn new(headers: &HeaderMap, body: &[u8]) -> Result<Self, Rejected> {
        let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
        if kind.is_some_and(|kind| kind.starts_with(b"application/x-www-form-urlencoded")) {
            return Ok(Self::form(body));
        }
        let text = std::str::from_utf8(body).map_err(|e| Rejected::InvalidJson(e.to_string()))?;
        Self::json(text.to_owned()).map_err(|e| Rejected::InvalidJson(e.to_string()))
    }

    fn json(text: String) -> serde_json::Result<Self> {
        serde_json::from_str(&text).map(|value| Self { value, text })
    }

    fn form(body: &[u8]) -> Self {
        let mut fields = Map::new();
        for (name, text) in form_urlencoded::parse(body) {
            let text = Value::from(text);
            match fields.get_mut(&*name) {
                None => drop(fields.insert(name.into_owned(), text)),
                Some(Value::Array(all)) => all.push(text),
                Some(first) => *first = json!([first.take(), text]),
            }
        }
        let payload = fields.get("payload").and_then(Value::as_str).map(str::to_owned);
        let payload = payload.and_then(|text| Self::json(text).ok()).filter(|read| read.value.is_object());
        payload.unwrap_or_else(|| {
            let value = Value::from(fields);
            Self { text: value.to_string(), value }
        })
    }

    /// The text of an object: the body, or one that has it as `body`.
    fn into_object(self) -> String {
        if self.value.is_object() { self.text } else { format!("{{\"body\":{}}}", self.text) }
    }
}

#[cfg(test)]
mod tests;
