//! Events as programs send them: the body of Inngest's event API
//! (<https://www.inngest.com/docs/reference/events/send>), one object or an array.

use pawl_engine::event::{BadEvent, SenderId};
use pawl_engine::payload::BadPayload;
use pawl_engine::{NewEvent, Payload, Timestamp, limits};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Events in one request. Inngest's limit.
const EVENTS: usize = 5_000;

/// Why a body holds no events; in an array, with the place of the first bad one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEvents {
    /// It is not JSON.
    #[error("the body is not valid JSON: {0}")]
    Json(String),
    /// It is JSON of another shape.
    #[error(
        "{0}the body is no event: {1}; send {{\"name\":\"category/event.name\",\"data\":{{…}}}}, or an array of those"
    )]
    Shape(Place, String),
    /// An event is not as it must be.
    #[error("{0}{1}")]
    Event(Place, BadEvent),
    /// An event is too large.
    #[error("{0}event data: {1}")]
    Data(Place, BadPayload),
    /// There are too many.
    #[error("{0} events in one request; the limit is {EVENTS}")]
    TooMany(usize),
    /// There is none.
    #[error("an empty array: there is nothing to accept")]
    None,
}

/// Where in an array; nothing for a single event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(Option<usize>);

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |n| write!(f, "event {n} of the array: "))
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    name: String,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    user: Option<&'a RawValue>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    ts: Option<i64>,
    #[serde(default)]
    v: Option<String>,
}

/// The events of a body: all of them are good, or none is taken.
pub fn parse(body: &[u8]) -> Result<Vec<NewEvent>, BadEvents> {
    let json = |e: serde_json::Error| BadEvents::Json(e.to_string());
    let whole: &RawValue = serde_json::from_slice(body).map_err(json)?;
    if !whole.get().starts_with('[') {
        return event(Place(None), whole).map(|e| vec![e]);
    }
    let many: Vec<&RawValue> = serde_json::from_str(whole.get()).map_err(json)?;
    match many.len() {
        0 => Err(BadEvents::None),
        n if n > EVENTS => Err(BadEvents::TooMany(n)),
        _ => many.into_iter().enumerate().map(|(n, one)| event(Place(Some(n)), one)).collect(),
    }
}

fn event(place: Place, text: &RawValue) -> Result<NewEvent, BadEvents> {
    let body: Body<'_> =
        serde_json::from_str(text.get()).map_err(|e| BadEvents::Shape(place, e.to_string()))?;
    let payload = |raw: &RawValue| {
        Payload::parse(raw.get().to_owned(), limits::EVENT_BYTES).map_err(|e| BadEvents::Data(place, e))
    };
    let data = match body.data {
        Some(raw) => payload(raw)?,
        None => Payload::from_value(&serde_json::json!({})),
    };
    NewEvent {
        name: body.name.into(),
        data,
        user: body.user.map(payload).transpose()?,
        at: body.ts.map(Timestamp::from_millis),
        version: body.v,
        // clients send an empty id where they have none
        sender: body.id.filter(|id| !id.is_empty()).map(|id| SenderId { source: "api", id }),
        trace: None,
    }
    .check()
    .map_err(|e| BadEvents::Event(place, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_event_or_an_array_and_what_is_left_out() {
        let one = parse(br#"{"name":"a/b"}"#).expect("an event").remove(0);
        assert_eq!((&*one.name, one.data.as_str(), one.sender), ("a/b", "{}", None));
        let many =
            br#"[{"name":"a","data":{"n": 1.50},"id":"x","ts":1800000000000,"v":"2"},{"name":"b","id":""}]"#;
        let many = parse(many).expect("events");
        assert_eq!(many[0].data.as_str(), r#"{"n": 1.50}"#, "the text stays as it is");
        assert_eq!(many[0].sender, Some(SenderId { source: "api", id: "x".into() }));
        assert_eq!(many[0].at, Some(Timestamp::from_millis(1_800_000_000_000)));
        assert_eq!(many[1].sender, None);
    }

    #[test]
    fn a_bad_event_is_refused_with_its_place() {
        let refusal = |body: &str| parse(body.as_bytes()).expect_err("refused").to_string();
        assert!(refusal("{").contains("not valid JSON"));
        assert!(refusal("5").contains("no event"));
        assert!(refusal(r#"{"data":{}}"#).contains("missing field `name`"));
        assert!(refusal(r#"{"name":"a","data":[]}"#).contains("event data is not a JSON object"));
        assert!(
            refusal(r#"[{"name":"a"},{"name":""}]"#).starts_with("event 1 of the array: event name is empty")
        );
        assert!(refusal(r#"{"name":"a","data":{"x":"\ud800"}}"#).contains("not valid JSON"));
        assert!(refusal("[]").contains("empty array"));
        let deep = format!("{{\"name\":\"a\",\"data\":{}{}}}", "[".repeat(500), "]".repeat(500));
        assert!(refusal(&deep).contains("recursion limit"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _outcome = parse(&body);
        }

        #[test]
        fn no_json_like_text_makes_the_parser_panic(body in r#"[\[\]{}:,"a-z0-9\\. ]{0,100}"#) {
            let _outcome = parse(body.as_bytes());
        }
    }
}
