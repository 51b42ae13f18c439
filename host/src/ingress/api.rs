//! Events as programs send them: the body of Inngest's event API
//! (<https://www.inngest.com/docs/reference/events/send>), one object or an array.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pawl_engine::event::{BadEvent, SenderId};
use pawl_engine::payload::BadPayload;
use pawl_engine::{EventId, NewEvent, Payload, Timestamp, limits};
use serde::Deserialize;
use serde_json::value::RawValue;
use ulid::Ulid;

/// Events in one request. Inngest's limit.
const EVENTS: usize = 5_000;

/// The header of [`Seed`].
pub const SEED: &str = "x-inngest-event-id-seed";

/// The source of ids that a seed gives to events which have none of their own.
const SEEDED: &str = "seed";

/// What a client makes the ids of one request's events from: the same seed gives the same ids,
/// so that a request which is sent again is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    ms: u64,
    entropy: [u8; 10],
}

impl Seed {
    /// From the header: Unix milliseconds, a comma, ten bytes in base64. Anything else is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (ms, entropy) = text.trim().split_once(',')?;
        let ms = Some(ms).filter(|ms| ms.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
        let entropy = BASE64.decode(entropy).ok()?.try_into().ok()?;
        // the time of a ULID has 48 bits
        (ms < 1 << 48).then_some(Self { ms, entropy })
    }

    /// When it was made, by its maker's clock.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.ms).unwrap_or(i64::MAX))
    }

    /// The ids of so many events, for which events without an id of their own become known.
    pub fn give(&self, events: &mut [NewEvent]) -> Vec<EventId> {
        let give = |(n, event): (u32, &mut NewEvent)| {
            let id = self.id(n);
            event.sender.get_or_insert_with(|| SenderId { source: SEEDED, id: id.to_string() });
            id
        };
        (1..).zip(events).map(give).collect()
    }

    /// The id of the `n`th event, counted from 1.
    fn id(&self, n: u32) -> EventId {
        let mut entropy = self.entropy;
        let (_, last) = entropy.split_at_mut(6);
        let sum = last.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)).wrapping_add(n);
        last.copy_from_slice(&sum.to_be_bytes());
        let random = entropy.iter().fold(0_u128, |random, byte| random << 8 | u128::from(*byte));
        EventId::new(Ulid::from_parts(self.ms, random).to_string())
    }
}

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
        serde_json::from_str(text.get()).map_err(|e| BadEvents::Shape(place, super::shortened(&e)))?;
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
        // clients send a time of 0 and an empty id where they have none
        at: body.ts.filter(|ts| *ts != 0).map(Timestamp::from_millis),
        version: body.v,
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

    /// Seen of Inngest's own server.
    #[test]
    fn a_seed_gives_the_ids_that_inngest_makes_of_it() {
        let seed = Seed::parse("1795434209487,f50PQaYyQB+M6w==").expect("a seed");
        let mut events = parse(br#"[{"name":"a"},{"name":"b","id":"own"}]"#).expect("events");
        let ids = seed.give(&mut events);
        assert_eq!(ids, ["01M843FR6FFYEGYGD66901Z37C", "01M843FR6FFYEGYGD66901Z37D"].map(EventId::new));
        let sender = |source, id: &str| Some(SenderId { source, id: id.into() });
        assert_eq!(events[0].sender, sender("seed", ids[0].as_str()));
        assert_eq!(events[1].sender, sender("api", "own"));
        // an overflow goes round
        let full = Seed::parse("1,AAAAAAAA/////w==").expect("a seed");
        assert_eq!(full.id(1).as_str(), "00000000010000000000000000");
    }

    #[test]
    fn what_is_no_seed_is_none() {
        let ms = 1_u64 << 48;
        for odd in [
            "",
            "1",
            "1,",
            ",f50PQaYyQB+M6w==",
            "1,f50PQaYyQB+M",
            "1,f50PQaYyQB+M6w==,",
            "-1,f50PQaYyQB+M6w==",
            "+1,f50PQaYyQB+M6w==",
            "x,f50PQaYyQB+M6w==",
            "99999999999999999999,f50PQaYyQB+M6w==",
            &format!("{ms},f50PQaYyQB+M6w=="),
        ] {
            assert_eq!(Seed::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_official_clients_send_beside_is_taken() {
        let python =
            br#"[{"data":{},"id":"","name":"a","ts":0,"user":{},"meta":{"sessions":["s"]},"v":"1"}]"#;
        let event = parse(python).expect("an event").remove(0);
        assert_eq!((event.sender, event.at, event.version.as_deref()), (None, None, Some("1")));
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
