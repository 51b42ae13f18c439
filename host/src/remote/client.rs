//! One call of an app: signed, sent, and its answer believed only when it is signed too.

use super::{Live, Remote};
use crate::answer::{self, Unread};
use crate::clock;
use crate::inngest::reply::{self, Headers, Reply};
use crate::inngest::sign;
use crate::keys::Keys;
use pawl_engine::Failure;
use std::time::Duration;

/// How long a call may take: as long as Inngest's own server waits.
const TIMEOUT: Duration = Duration::from_secs(2 * 3600);

/// How long an app's machine may take to be reached.
const CONNECT: Duration = Duration::from_secs(10);

/// Bytes of an answer: steps of 4 MiB and as much again.
const ANSWER_BYTES: usize = 8 << 20;

/// Makes calls.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    keys: Option<Keys>,
    pub(super) live: Live,
}

impl Client {
    /// A client that signs with these keys, and wants answers to be signed; without any it does
    /// neither, as in development.
    /// Passes that it calls for are in `live`.
    pub fn new(keys: Option<Keys>, live: Live) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(TIMEOUT)
            .user_agent("Pawl")
            .build()?;
        Ok(Self { http, keys, live })
    }

    /// Posts a call; `Err` is worth another try.
    pub(super) async fn call(
        &self,
        to: &Remote,
        step: &str,
        (run, request): (&str, &str),
        version: i32,
        body: Vec<u8>,
    ) -> Result<(Reply, Headers), Failure> {
        let url = at_step(&to.url, step).ok_or_else(|| {
            Failure::new("BadAppUrl", "the app's URL is none: register it again").for_good()
        })?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut post = self
            .http
            .post(url)
            .header("content-type", "application/json")
            .header("x-run-id", run)
            // an app's reports name it
            .header("x-request-id", request)
            .header("x-inngest-req-version", version.to_string());
        let keys = self.keys.as_ref().map(Keys::signing);
        if let Some(key) = keys.as_ref().and_then(|keys| keys.first()) {
            post = post.header(sign::HEADER, sign::request(key, &body, clock::now()));
        }
        let unreachable = |e: reqwest::Error| {
            let why = if e.is_timeout() { "did not answer in time" } else { "cannot be reached" };
            Failure::new(
                "AppUnreachable",
                format!("the app at {host} {why}: is it running, and at this address?"),
            )
        };
        let answer = post.body(body).send().await.map_err(unreachable)?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = bounded(answer).await?;
        let now = clock::now();
        let told = Headers::of(&headers, now);
        if let Some(keys) = keys.filter(|_| told.is_app && status != 401) {
            let given = headers.get(sign::HEADER).and_then(|v| v.to_str().ok());
            sign::verify_answer(&keys, given, &body, now).map_err(|why| {
                Failure::new(
                    "AnswerNotSigned",
                    format!("the app's answer is not believed, its signature does not hold ({why}): check that INNGEST_SIGNING_KEY is the same on both sides"),
                )
            })?;
        }
        Ok((reply::read(status, &told, &body, now)?, told))
    }
}

/// The function's address for one step.
fn at_step(url: &str, step: &str) -> Option<reqwest::Url> {
    let mut url = reqwest::Url::parse(url).ok()?;
    let kept: Vec<_> = url
        .query_pairs()
        .filter(|(name, _)| name != "stepId")
        .map(|(n, v)| (n.into_owned(), v.into_owned()))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(kept).append_pair("stepId", step);
    Some(url)
}

async fn bounded(answer: reqwest::Response) -> Result<Vec<u8>, Failure> {
    answer::body(answer, ANSWER_BYTES).await.map_err(|unread| match unread {
        Unread::Broken(_) => Failure::new("AppUnreachable", "the app's answer broke off"),
        Unread::TooLong => {
            let limit = ANSWER_BYTES >> 20;
            Failure::new("AnswerTooLarge", format!("the app's answer has more than {limit} MiB")).for_good()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::at_step;

    #[test]
    fn a_function_is_called_at_its_own_address_with_the_step_in_it() {
        let url = at_step("http://a:1/api/inngest?fnId=x-y&stepId=step", "abc").expect("a URL");
        assert_eq!(url.as_str(), "http://a:1/api/inngest?fnId=x-y&stepId=abc");
        assert!(at_step("no url", "step").is_none());
    }
}
