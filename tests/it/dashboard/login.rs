//! Who may see the dashboard in production, and in development.

use super::{Browser, PAGES, does_not_say, says};
use pawl_tests::setup::SIGNING_KEY;
use pawl_tests::{Host, Setup};
use reqwest::Method;
use serde_json::json;

async fn host() -> Host {
    Setup::serve().start().await
}

#[tokio::test]
async fn without_a_login_every_page_leads_to_the_form_and_back() {
    let host = host().await;
    let browser = Browser::new(&host);
    for page in PAGES {
        let answer = browser.open(page).await.expect(303);
        let to = page.replace('/', "%2F");
        assert_eq!(answer.header("location"), format!("/login?to={to}"));
    }
    let form = browser.read("/login?to=%2Fruns%3Fstatus%3DFailed").await;
    says(&form, "name=\"to\" value=\"/runs?status=Failed\"");
    browser.open("/live").await.expect(401);
    browser.open("/live?x").await.expect(401);
    for path in ["/ui/reveal", "/ui/runs/x/cancel", "/ui/events/send", "/logout"] {
        browser.send(path, &[("csrf", "x")]).await.expect(401);
    }
}

#[tokio::test]
async fn the_signing_key_opens_it_and_leaving_closes_it() {
    let host = host().await;
    let mut browser = Browser::new(&host);
    let answer = browser.log_in(&format!(" {SIGNING_KEY}\n"), "/functions").await.expect(303);
    assert_eq!(answer.header("location"), "/functions");
    let cookie = answer.header("set-cookie").to_owned();
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
        says(&cookie, part);
    }
    does_not_say(&cookie, "Secure");
    does_not_say(&cookie, SIGNING_KEY);
    for page in PAGES {
        says(&browser.read(page).await, "aria-label=\"Log out\"");
    }
    says(&browser.read("/audit").await, "login");
    browser.submit("/runs", "/logout", &[]).await.expect(303);
    browser.open("/runs").await.expect(303);
}

#[tokio::test]
async fn a_login_reads_what_the_api_has_without_what_speaks_of_people_and_changes_nothing() {
    let host = host().await;
    let event = host.send("shop/x", json!({"email": "ann@example.com", "order": "o_1"})).await;
    let browser = Browser::logged_in(&host).await;
    // not by `Host::request`, which brings the key along
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let ask = async |method, path: &str, cookie: &str| {
        host.ask(client.request(method, host.url(path)).header("cookie", cookie)).await
    };
    let path = format!("/v1/events/{event}");
    let read = ask(Method::GET, &path, &browser.cookie).await.expect(200);
    assert_eq!(read.json()["data"]["data"], json!({"email": "[masked]", "order": "o_1"}));
    ask(Method::GET, &path, "pawl_session=0").await.expect(401);
    ask(Method::DELETE, "/v1/runs/x", &browser.cookie).await.expect(401);
}

#[tokio::test]
async fn pages_that_are_open_hear_nothing_after_the_logout() {
    let host = host().await;
    let browser = Browser::logged_in(&host).await;
    let other = Browser::logged_in(&host).await;
    let open = async |cookie: &str| {
        host.request(Method::GET, "/live").header("cookie", cookie).send().await.expect("an answer")
    };
    let mut stream = open(&browser.cookie).await;
    let mut others = open(&other.cookie).await;
    browser.submit("/runs", "/logout", &[]).await.expect(303);
    // well before the next heartbeat, which would end it too
    let end = tokio::time::timeout(std::time::Duration::from_secs(5), stream.chunk()).await;
    assert_eq!(end.expect("an end").expect("a clean one"), None);
    // others go on
    host.request(Method::POST, "/api/stripe/webhook").body("{}").send().await.expect("an answer");
    let told = tokio::time::timeout(std::time::Duration::from_secs(5), others.chunk()).await;
    let told = told.expect("a message").expect("more").expect("some");
    says(&String::from_utf8_lossy(&told), "\"webhooks\":true");
}

#[tokio::test]
async fn behind_https_the_cookie_is_for_https() {
    let host = host().await;
    let request = host.request(Method::POST, "/login").header("x-forwarded-proto", "https");
    let answer = host.ask(request.form(&[("key", SIGNING_KEY)])).await.expect(303);
    says(answer.header("set-cookie"), "; Secure");
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_on_record_and_the_eleventh_has_to_wait() {
    let host = host().await;
    let mut browser = Browser::new(&host);
    for _ in 0..10 {
        let answer = browser.log_in("not-the-key", "/").await.expect(401);
        says(&answer.body, "This is not the signing key");
        does_not_say(&answer.body, "not-the-key");
        assert_eq!(answer.header("set-cookie"), "");
    }
    let answer = browser.log_in("not-the-key", "/").await.expect(429);
    assert!((1..=60).contains(&answer.header("retry-after").parse().expect("seconds")));
    says(&answer.body, "try again in");
    says(&answer.body, "name=\"key\"");
    // the right one is never kept out by others' wrong ones
    browser.log_in(SIGNING_KEY, "/").await.expect(303);
    let long = "a&".repeat(10_000);
    browser.log_in(&long, "/").await.expect(400);
    let request = host.request(Method::GET, "/audit").bearer_auth(SIGNING_KEY);
    let audit = host.ask(request).await.expect(200).body;
    says(&audit, "Login refused");
    does_not_say(&audit, "not-the-key");
    does_not_say(&host.log(), "not-the-key");
}

#[tokio::test]
async fn the_way_back_stays_on_this_host() {
    let host = host().await;
    let mut browser = Browser::new(&host);
    for to in ["//evil.example", "https://evil.example", "/\\evil.example", ""] {
        let answer = browser.log_in(SIGNING_KEY, to).await.expect(303);
        assert_eq!(answer.header("location"), "/", "{to}");
    }
}

#[tokio::test]
async fn a_login_ends_with_the_key_that_it_was_made_from() {
    let mut host = host().await;
    let cookie = Browser::logged_in(&host).await.cookie;
    host.stop().await;
    host.restart().await;
    Browser { host: &host, cookie: cookie.clone() }.open("/runs").await.expect(200);
    host.stop().await;
    host.set_env("INNGEST_SIGNING_KEY", "another-signing-key-of-the-tests");
    host.restart().await;
    Browser { host: &host, cookie }.open("/runs").await.expect(303);
}

#[tokio::test]
async fn nothing_but_the_hosts_own_is_loaded_and_nothing_is_kept() {
    let host = host().await;
    let browser = Browser::logged_in(&host).await;
    for page in PAGES.iter().chain(&["/login", "/runs/none"]) {
        let answer = browser.open(page).await;
        let policy = answer.header("content-security-policy");
        says(policy, "default-src 'none'; script-src 'self'; style-src 'self'");
        says(policy, "frame-ancestors 'none'");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        for inline in ["<style", "style=\"", " onclick=", "<script>"] {
            does_not_say(&answer.body, inline);
        }
    }
}

#[tokio::test]
async fn scripts_and_style_are_known_by_what_is_in_them() {
    let host = host().await;
    for (path, kind) in [
        ("/assets/pawl.css", "text/css; charset=utf-8"),
        ("/assets/pawl.js", "text/javascript; charset=utf-8"),
        ("/assets/theme.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = host.get(path).await.expect(200);
        assert_eq!(answer.header("content-type"), kind);
        let known = host.request(Method::GET, path).header("if-none-match", answer.header("etag"));
        host.ask(known).await.expect(304);
    }
}

#[tokio::test]
async fn in_development_only_the_own_machine_gets_in() {
    let host = Setup::dev().start().await;
    host.get("/login").await.expect(303);
    for page in PAGES {
        host.get(page).await.expect(200);
        let foreign = host.request(Method::GET, page).header("host", "evil.example");
        host.ask(foreign).await.expect(403);
    }
    let token = super::token(&host.get("/events/new").await.body).to_owned();
    let request = host.request(Method::POST, "/ui/reveal").header("origin", "https://evil.example");
    host.ask(request.form(&[("csrf", token.as_str()), ("subject", "run:x")])).await.expect(403);
}
