//! The dashboard over HTTP: who may see it, what its pages show, and what its forms do.

mod audit;
mod charts;
mod events;
mod functions;
mod login;
mod run;
mod runs;
mod webhooks;

use pawl_tests::answer::Answer;
use pawl_tests::clock::{PATIENCE, until};
use pawl_tests::setup::SIGNING_KEY;
use pawl_tests::{Host, Setup};
use reqwest::Method;

/// Pages that there are in every host.
const PAGES: [&str; 9] =
    ["/", "/runs", "/functions", "/events", "/events/new", "/webhooks", "/charts", "/alerts", "/audit"];

/// A browser: it keeps its cookie and follows nothing by itself.
struct Browser<'a> {
    host: &'a Host,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn new(host: &'a Host) -> Self {
        Self { host, cookie: String::new() }
    }

    /// One that is logged in.
    async fn logged_in(host: &'a Host) -> Self {
        let mut browser = Self::new(host);
        browser.log_in(SIGNING_KEY, "/").await.expect(303);
        browser
    }

    async fn log_in(&mut self, key: &str, to: &str) -> Answer {
        let answer = self.send("/login", &[("key", key), ("to", to)]).await;
        if let Some((cookie, _)) = answer.header("set-cookie").split_once(';') {
            self.cookie = cookie.to_owned();
        }
        answer
    }

    async fn open(&self, path: &str) -> Answer {
        self.host.ask(self.host.request(Method::GET, path).header("cookie", &self.cookie)).await
    }

    /// A page's text.
    async fn read(&self, path: &str) -> String {
        self.open(path).await.expect(200).body
    }

    async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = format!("http://{}", self.host.addr());
        let request = self.host.request(Method::POST, path).header("origin", origin);
        self.host.ask(request.header("cookie", &self.cookie).form(fields)).await
    }

    /// Sends a form as the page at `page` has it, with its token.
    async fn submit(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let text = self.read(page).await;
        let token = token(&text);
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", token)]).collect();
        self.send(path, &fields).await
    }
}

/// The token of a page's forms.
fn token(page: &str) -> &str {
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form with a token");
    rest.split('"').next().expect("its value")
}

/// Asserts that a page says this, with all of its text when it does not.
fn says(page: &str, text: &str) {
    assert!(page.contains(text), "no {text:?} in {page}");
}

fn does_not_say(page: &str, text: &str) {
    assert!(!page.contains(text), "{text:?} is in {page}");
}

fn dev() -> Setup {
    Setup::dev().guests(&["steps"])
}

/// A page of a host in development.
async fn page(host: &Host, path: &str) -> String {
    Browser::new(host).read(path).await
}

/// The same once it says this: what is counted is told a moment after it is true.
async fn page_that_says(host: &Host, path: &str, text: &str) -> String {
    until(&format!("{path} to say {text:?}"), PATIENCE, async || {
        let page = page(host, path).await;
        if page.contains(text) { Ok(page) } else { Err(page) }
    })
    .await
}

/// Sends a form as the page at `from` has it.
async fn submit(host: &Host, from: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    Browser::new(host).submit(from, path, fields).await
}
