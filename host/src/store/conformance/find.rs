//! Finding runs and events: each filter, all of them together, page by page.

use super::*;
use crate::store::find::Search;
use ulid::Ulid;

cases![
    runs_are_found_by_each_filter_and_by_all_together,
    a_claimed_run_is_found_as_running_and_as_nothing_else,
    events_are_found_by_each_filter_and_by_all_together,
    a_value_finds_events_and_their_runs,
    a_run_of_a_batch_and_a_rerun_are_found_by_their_events,
    pages_have_neither_gaps_nor_repeats_while_more_comes_in,
    a_cursor_that_no_page_gave_is_refused,
];

/// An id of this time.
pub(in crate::store) fn id_at(ms: i64, n: u32) -> String {
    Ulid::from_parts(u64::try_from(at(ms).as_millis()).expect("a time"), n.into()).to_string()
}

/// An event of this time with runs of these functions.
pub(in crate::store) fn accept_at(ms: i64, name: &str, data: &str, functions: &[&str]) -> Accept {
    let event = Event {
        id: EventId::new(id_at(ms, 0)),
        name: name.into(),
        data: json(data),
        user: Some(json(&format!("{{\"id\": \"u_{}\"}}", ms % 3))),
        at: at(ms),
        version: None,
        sender: Some(SenderId { source: "stripe", id: format!("evt_{ms}") }),
        received_at: at(ms),
        trace: None,
    };
    let run = |(n, function): (usize, &&str)| NewRun {
        id: RunId::new(id_at(ms, n as u32 + 1)),
        function: FunctionId::new(*function),
        deployment: DeploymentId::new("d"),
        created_at: at(ms),
        terms: plain(function),
        parent: None,
        journal: Vec::new(),
    };
    Accept { event, runs: functions.iter().enumerate().map(run).collect(), keep: Keep::Always }
}

impl Host {
    async fn put(&self, ms: i64, name: &str, data: &str, functions: &[&str]) {
        self.store.accept(vec![accept_at(ms, name, data, functions)]).await.expect("accepts");
    }

    /// The runs on a page: `<ms>` of the first function, `<ms>+1` of the second…
    async fn found(&self, query: RunQuery) -> Vec<String> {
        let limit = if query.limit == 0 { 99 } else { query.limit };
        let page = self.store.find_runs(RunQuery { limit, ..query }).await.expect("finds");
        page.rows.iter().map(|run| short(run.id.as_str())).collect()
    }

    async fn found_events(&self, query: EventQuery) -> Vec<String> {
        let page = self.store.find_events(EventQuery { limit: 99, ..query }).await.expect("finds");
        page.rows.iter().map(|event| short(event.id.as_str())).collect()
    }

    async fn found_by(&self, text: &str) -> (Vec<String>, Vec<String>) {
        let text = Search::parse(text);
        let runs = self.found(RunQuery { text: text.clone(), ..RunQuery::default() }).await;
        (self.found_events(EventQuery { text, ..EventQuery::default() }).await, runs)
    }
}

/// An id of [`id_at`] as its milliseconds and its number.
fn short(id: &str) -> String {
    let id = Ulid::from_string(id).expect("a ULID");
    let ms = id.timestamp_ms() as i64 - T;
    if id.random() == 0 { ms.to_string() } else { format!("{ms}+{}", id.random()) }
}

fn of(status: Status) -> RunQuery {
    RunQuery { status: Some(status), ..RunQuery::default() }
}

async fn runs_are_found_by_each_filter_and_by_all_together(h: Host) {
    for ms in 1..=6 {
        let name = if ms % 2 == 0 { "even" } else { "odd" };
        h.put(ms, name, &format!("{{\"ms\": {ms}}}"), &["f", "g"]).await;
    }
    for (ms, n, status) in
        [(1, 1, Status::Failed), (2, 1, Status::Failed), (1, 2, Status::Completed), (2, 2, Status::Completed)]
    {
        let claimed = h.store.seize(&RunId::new(id_at(ms, n))).await.expect("seizes").expect("is not over");
        h.finish(&claimed.claim, 0, status).await;
    }
    assert_eq!(h.found(of(Status::Failed)).await, ["2+1", "1+1"]);
    assert_eq!(h.found(of(Status::Completed)).await, ["2+2", "1+2"]);
    assert_eq!(h.found(of(Status::Cancelled)).await, [""; 0]);
    assert_eq!(h.found(of(Status::Queued)).await.len(), 8);
    let all = h.found(RunQuery::default()).await;
    assert_eq!((all.len(), all[0].as_str(), all[11].as_str()), (12, "6+2", "1+1"));
    let g = || RunQuery { function: Some(FunctionId::new("g")), ..RunQuery::default() };
    assert_eq!(h.found(g()).await, ["6+2", "5+2", "4+2", "3+2", "2+2", "1+2"]);
    let odd = RunQuery { event_name: Some("odd".into()), ..g() };
    assert_eq!(h.found(odd.clone()).await, ["5+2", "3+2", "1+2"]);
    let time = RunQuery { from: Some(at(2)), until: Some(at(5)), ..RunQuery::default() };
    assert_eq!(h.found(time.clone()).await, ["4+2", "4+1", "3+2", "3+1", "2+2", "2+1"]);
    let text = RunQuery { text: Search::parse("data.ms:3"), ..time.clone() };
    assert_eq!(h.found(text.clone()).await, ["3+2", "3+1"]);
    let all = RunQuery { status: Some(Status::Queued), function: odd.function, ..text };
    assert_eq!(h.found(RunQuery { event_name: Some("odd".into()), ..all.clone() }).await, ["3+2"]);
    assert_eq!(h.found(RunQuery { event_name: Some("even".into()), ..all.clone() }).await, [""; 0]);
    assert_eq!(h.found(RunQuery { status: Some(Status::Failed), ..all.clone() }).await, [""; 0]);
    assert_eq!(h.found(RunQuery { until: Some(at(3)), ..all }).await, [""; 0]);
    for status in [Status::Failed, Status::Completed] {
        let both = RunQuery { status: Some(status), function: Some(FunctionId::new("f")), ..time.clone() };
        assert_eq!(h.found(both).await.len(), usize::from(status == Status::Failed), "{status:?}");
    }
}

async fn a_claimed_run_is_found_as_running_and_as_nothing_else(h: Host) {
    h.put(1, "x", "{}", &["f"]).await;
    h.put(2, "x", "{}", &["f"]).await;
    let claimed = h.claim(9, 1).await.remove(0);
    assert_eq!(h.found(of(Status::Running)).await, ["1+1"]);
    assert_eq!(h.found(of(Status::Queued)).await, ["2+1"]);
    let of_g = RunQuery { function: Some(FunctionId::new("g")), ..of(Status::Running) };
    assert_eq!(h.found(of_g).await, [""; 0]);
    let page = h.store.find_runs(RunQuery { limit: 9, ..RunQuery::default() }).await.expect("finds");
    assert_eq!(page.rows[1].index.status, Status::Running);
    h.park(&claimed.claim, 0, 100).await;
    assert_eq!(h.found(of(Status::Sleeping)).await, ["1+1"]);
    assert_eq!(h.found(of(Status::Running)).await, [""; 0]);
    // given back in the middle: it shows as running, though nobody has it
    let claimed = h.claim(100, 1).await.remove(0);
    let index =
        Index { status: Status::Running, wake_at: Some(at(500)), started_at: Some(at(1)), ended_at: None };
    let commit = Commit { expect: 1, entries: Vec::new(), then: Then::Release(index), also: Also::default() };
    h.store.commit(&claimed.claim, commit).await.expect("goes back");
    assert_eq!(h.found(of(Status::Running)).await.len(), 1);
}

async fn events_are_found_by_each_filter_and_by_all_together(h: Host) {
    for ms in 1..=6 {
        let name = if ms % 2 == 0 { "even" } else { "odd" };
        h.put(ms, name, &format!("{{\"ms\": {ms}}}"), &[]).await;
    }
    let name = EventQuery { name: Some("odd".into()), ..EventQuery::default() };
    assert_eq!(h.found_events(name.clone()).await, ["5", "3", "1"]);
    let time = EventQuery { from: Some(at(2)), until: Some(at(5)), ..EventQuery::default() };
    assert_eq!(h.found_events(time.clone()).await, ["4", "3", "2"]);
    let user = EventQuery { text: Search::parse("user.id:u_0"), ..EventQuery::default() };
    assert_eq!(h.found_events(user.clone()).await, ["6", "3"]);
    assert_eq!(h.found_events(EventQuery { until: Some(at(6)), ..user.clone() }).await, ["3"]);
    assert_eq!(h.found_events(EventQuery { from: Some(at(4)), ..user.clone() }).await, ["6"]);
    assert_eq!(h.found_events(EventQuery { name: name.name, ..user.clone() }).await, ["3"]);
    assert_eq!(h.found_events(EventQuery { from: Some(at(7)), ..user }).await, [""; 0]);
    assert_eq!(h.found_events(EventQuery { name: Some("none".into()), ..time }).await, [""; 0]);
}

async fn a_value_finds_events_and_their_runs(h: Host) {
    h.put(1, "x", r#"{"a": {"b": "ü\"'{}"}, "n": 4200, "f": 1.50, "ok": true, "l": [{"k": "v"}]}"#, &["f"])
        .await;
    h.put(2, "x", r#"{"a": {"b": "\u00fc\"'{}"}, "n": "4200", "mentions": "evt_1"}"#, &["f", "g"]).await;
    h.put(3, "x", r#"{"b": "v", "n": 42}"#, &[]).await;
    let both = (vec!["2".to_owned(), "1".into()], vec!["2+2".to_owned(), "2+1".into(), "1+1".into()]);
    let first = (vec!["1".to_owned()], vec!["1+1".to_owned()]);
    for text in ["ü\"'{}", "data.a.b:ü\"'{}", "4200", "data.n:4200", "evt_1"] {
        assert_eq!(h.found_by(text).await, both, "{text}");
    }
    let id = id_at(1, 0);
    for text in ["1.5", "data.f:1.50", "true", "data.l.k:v", "data.l.0.k:v", "user.id:u_1", id.as_str()] {
        assert_eq!(h.found_by(text).await, first, "{text}");
    }
    assert_eq!(h.found_by("data.mentions:evt_1").await.0, ["2"]);
    assert_eq!(h.found_by("v").await, (vec!["3".into(), "1".into()], vec!["1+1".into()]));
    // a run's own id finds the run, and not its event
    assert_eq!(h.found_by(&id_at(2, 2)).await, (vec![], vec!["2+2".into()]));
    for text in
        ["ü", "420", "data.b:4200", "data:v", "data.l.1.k:v", "user.id:u_9", "V", "x", "' OR 1=1", "*"]
    {
        assert_eq!(h.found_by(text).await, (vec![], vec![]), "{text}");
    }
}

async fn a_run_of_a_batch_and_a_rerun_are_found_by_their_events(h: Host) {
    h.put(1, "a", r#"{"k": "one"}"#, &["f"]).await;
    h.put(2, "b", r#"{"k": "two"}"#, &[]).await;
    h.put(3, "c", r#"{"k": "three"}"#, &["f"]).await;
    let run = |ms, function| NewRun {
        id: RunId::new(id_at(ms, 1)),
        function: FunctionId::new(function),
        deployment: DeploymentId::new("d"),
        created_at: at(ms),
        terms: plain(function),
        parent: None,
        journal: Vec::new(),
    };
    let event = |ms| EventId::new(id_at(ms, 0));
    h.store.start(&[event(1), event(2)], run(4, "many")).await.expect("starts");
    h.store.start(&[event(1)], run(5, "f")).await.expect("starts");
    assert_eq!(h.found_by("one").await, (vec!["1".into()], vec!["5+1".into(), "4+1".into(), "1+1".into()]));
    assert_eq!(h.found_by("two").await, (vec!["2".into()], vec!["4+1".into()]));
    let named = |name: &str| RunQuery { event_name: Some(name.into()), ..RunQuery::default() };
    assert_eq!(h.found(named("b")).await, ["4+1"]);
    assert_eq!(h.found(named("a")).await, ["5+1", "4+1", "1+1"]);
    assert_eq!(h.found(RunQuery { text: Search::parse("two"), ..named("a") }).await, ["4+1"]);
    assert_eq!(h.found(RunQuery { text: Search::parse("three"), ..named("a") }).await, [""; 0]);
}

async fn pages_have_neither_gaps_nor_repeats_while_more_comes_in(h: Host) {
    let put = async |ms: i64| {
        let kind = if ms % 3 == 0 { "c" } else { "d" };
        h.put(ms, kind, &format!("{{\"kind\": \"{kind}\"}}"), &["f", "g"]).await;
    };
    for ms in 1..=12 {
        put(ms).await;
    }
    let queries = [
        RunQuery::default(),
        RunQuery { function: Some(FunctionId::new("g")), ..RunQuery::default() },
        RunQuery { event_name: Some("c".into()), ..RunQuery::default() },
        RunQuery { text: Search::parse("data.kind:c"), ..RunQuery::default() },
        RunQuery { text: Search::parse("d"), ..of(Status::Queued) },
    ];
    let mut next = 13;
    for query in queries {
        let whole = h.found(query.clone()).await;
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let asked = RunQuery { cursor: cursor.take(), limit: 3, ..query.clone() };
            let page = h.store.find_runs(asked).await.expect("finds");
            assert!(page.rows.len() == 3 || page.cursor.is_none(), "{query:?}: a page that is not full");
            seen.extend(page.rows.iter().map(|run| short(run.id.as_str())));
            put(next).await;
            next += 1;
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, whole, "{query:?}");
    }
    let query = EventQuery { text: Search::parse("c"), limit: 2, ..EventQuery::default() };
    let whole = h.found_events(query.clone()).await;
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let asked = EventQuery { cursor: cursor.take(), ..query.clone() };
        let page = h.store.find_events(asked).await.expect("finds");
        seen.extend(page.rows.iter().map(|event| short(event.id.as_str())));
        put(next).await;
        next += 1;
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, whole);
}

async fn a_cursor_that_no_page_gave_is_refused(h: Host) {
    for text in [None, Search::parse("x")] {
        let cursor = Some("' OR 1".to_owned());
        let query = RunQuery { text: text.clone(), cursor: cursor.clone(), limit: 1, ..RunQuery::default() };
        assert_eq!(h.store.find_runs(query).await.map(|_| ()), Err(StoreError::BadCursor));
        let query = EventQuery { text, cursor, limit: 1, ..EventQuery::default() };
        assert_eq!(h.store.find_events(query).await.map(|_| ()), Err(StoreError::BadCursor));
    }
}
