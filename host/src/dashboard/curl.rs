//! The command that sends an event again, for a shell. It has no key in it.

use pawl_engine::event::is_own;
use pawl_engine::{Event, Payload};
use serde::Serialize;

/// An event as `/e/{key}` takes it: without its id, by which it would be known already.
#[derive(Serialize)]
struct Body<'a> {
    name: &'a str,
    data: &'a Payload,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<&'a str>,
}

/// The event's body, unless nobody but the host may send such events.
pub(super) fn sendable(event: &Event) -> Option<String> {
    let (data, user, v) = (&event.data, event.user.as_ref(), event.version.as_deref());
    let body = Body { name: &event.name, data, user, v };
    if is_own(&event.name) { None } else { serde_json::to_string(&body).ok() }
}

/// The command, for a host that is reached by `origin`.
pub(super) fn command(origin: &str, body: &str) -> String {
    let (url, body) = (quoted(&format!("{origin}/e/")), quoted(body));
    // in development any key will do
    format!(
        "curl -X POST {url}\"${{INNGEST_EVENT_KEY:-dev}}\" \\\n  -H 'content-type: application/json' \\\n  -d {body}"
    )
}

/// One word of a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pawl_engine::{EventId, NewEvent, Timestamp};

    fn event(name: &str, data: &str) -> Event {
        let data = Payload::parse(data.into(), 1_000).expect("JSON");
        let new = NewEvent {
            name: name.into(),
            data,
            user: None,
            at: None,
            version: None,
            sender: None,
            trace: None,
        };
        new.accept(EventId::new("e1"), Timestamp::from_millis(0))
    }

    #[test]
    fn a_shell_reads_the_event_as_it_was_and_nothing_else() {
        let sent =
            sendable(&event("shop/order", r#"{"who":"O'Neill; $(rm -rf ~) `id` \\"}"#)).expect("a body");
        let command = command("http://localhost:3000", &sent);
        assert!(
            command.starts_with("curl -X POST 'http://localhost:3000/e/'\"${INNGEST_EVENT_KEY:-dev}\""),
            "{command}"
        );
        assert!(command.contains(r"O'\''Neill; $(rm -rf ~) `id`"), "{command}");
        // what a shell makes of it: run nothing, print the words
        let script = format!("curl() {{ printf '%s' \"$7\"; }}; {command}");
        let output = std::process::Command::new("sh").arg("-c").arg(script).output().expect("a shell");
        assert_eq!(String::from_utf8_lossy(&output.stdout), sent);
    }

    #[test]
    fn what_only_the_host_says_cannot_be_sent() {
        assert_eq!(sendable(&event("inngest/scheduled.timer", "{}")), None);
    }
}
