//! A function of two steps, with a wait between them.

use pawl::{Event, Result, Step};

/// The event's data.
#[derive(serde::Deserialize)]
struct Request {
    name: String,
}

#[pawl::function(id = "{{name}}", event = "{{name}}/requested")]
fn greet(event: Event<Request>, step: Step) -> Result<String> {
    let greeting: String = step.run("compose", || Ok(format!("Hello, {}!", event.data.name)))?;
    step.sleep("wait-a-moment", "1s")?;
    step.run("send", || {
        pawl::info!("{greeting}");
        Ok(())
    })?;
    Ok(greeting)
}

pawl::plugin!(greet);

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_greeting_is_sent_a_moment_after_it_was_composed() {
        let run = pawl::test::run(greet)
            .event("{{name}}/requested", pawl::json!({ "name": "Ada" }))
            .go();
        assert_eq!(run.output::<String>().unwrap(), "Hello, Ada!");
        assert_eq!(run.slept(), Duration::from_secs(1));
        let steps: Vec<_> = run.steps().iter().map(|step| step.id.as_str()).collect();
        assert_eq!(steps, ["compose", "wait-a-moment", "send"]);
    }
}
