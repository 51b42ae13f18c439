//! The same for many runs.

use super::{Operator, Refused};
use crate::ids;
use crate::store::RunFilter;
use pawl_engine::expr::{Expr, Scope, Vars};
use pawl_engine::{FunctionId, RunId, Status, Timestamp};
use std::collections::BTreeSet;
use tokio::task::JoinSet;

/// Runs that are looked at together.
const PAGE: usize = 500;

/// Runs that are changed at the same time: enough that they share commits.
const AT_ONCE: usize = 64;

/// Runs that one request changes at most. Whoever has more asks again.
const MOST: usize = 10_000;

/// How often they are looked for.
const LOOKS: usize = 3;

/// Which runs.
#[derive(Debug, Clone)]
pub struct Which {
    /// Of this function.
    pub function: FunctionId,
    /// With one of these statuses.
    pub statuses: Vec<Status>,
    /// Made at this time or later.
    pub after: Option<Timestamp>,
    /// Made before this time.
    pub before: Option<Timestamp>,
    /// For which this holds, over `event`.
    pub filter: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// The runs that were changed or made.
    pub runs: Vec<RunId>,
    /// Those that had ended, or could not be changed, in the meantime.
    pub missed: Vec<(RunId, String)>,
    /// There are more.
    pub more: bool,
}

impl Operator {
    /// Cancels all of them that are not over.
    pub async fn cancel_many(&self, which: Which) -> Result<Done, Refused> {
        let mut all = Done::default();
        // a run may change its status between two looks: until there is none left
        for _ in 0..LOOKS {
            let this = self.clone();
            let done = self
                .each(which.clone(), move |run| {
                    let this = this.clone();
                    async move {
                        this.cancel(&run, "cancelled by an operator, with others").await.map(|_| run)
                    }
                })
                .await?;
            let is_last = done.runs.is_empty() || done.more;
            all.runs.extend(done.runs);
            all.missed.extend(done.missed);
            all.more = done.more;
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    /// Reruns all of them.
    pub async fn rerun_many(&self, which: Which) -> Result<Done, Refused> {
        if self.find(&which).await?.1 {
            // once more would rerun the same ones
            let why = format!("these are more than {MOST} runs: name a shorter period, or an expression");
            return Err(Refused::Invalid(why));
        }
        let this = self.clone();
        self.each(which, move |run| {
            let this = this.clone();
            async move { this.rerun(&run, None).await.map(|new| new.id) }
        })
        .await
    }

    async fn each<F>(&self, which: Which, change: impl Fn(RunId) -> F + Send + Sync) -> Result<Done, Refused>
    where
        F: Future<Output = Result<RunId, Refused>> + Send + 'static,
    {
        let (found, more) = self.find(&which).await?;
        let mut done = Done { more, ..Done::default() };
        let mut under_way = JoinSet::new();
        let mut next = found.into_iter();
        loop {
            while under_way.len() < AT_ONCE
                && let Some(run) = next.next()
            {
                let changed = change(run.clone());
                under_way.spawn(async move { (run, changed.await) });
            }
            match under_way.join_next().await {
                None => break,
                Some(Ok((_, Ok(run)))) => done.runs.push(run),
                Some(Ok((run, Err(e)))) => done.missed.push((run, e.to_string())),
                Some(Err(e)) => return Err(Refused::Invalid(format!("the work broke: {e}"))),
            }
        }
        done.runs.sort();
        Ok(done)
    }

    /// All of them, found before one is changed: a rerun must not be found again.
    async fn find(&self, which: &Which) -> Result<(Vec<RunId>, bool), Refused> {
        let parse =
            |text: &String| Expr::parse(text, Scope::Event).map_err(|e| Refused::Invalid(format!("if: {e}")));
        let filter = which.filter.as_ref().map(parse).transpose()?;
        let mut found = BTreeSet::new();
        for status in &which.statuses {
            let mut before = which.before.map(ids::first_at);
            loop {
                let filter_rows = RunFilter {
                    status: Some(*status),
                    function: Some(which.function.clone()),
                    event: None,
                    before,
                    since: which.after.map(ids::first_at),
                    limit: PAGE,
                };
                let page = self.store.runs(filter_rows).await?;
                before = page.last().map(|run| run.id.clone());
                let is_last = page.len() < PAGE;
                for run in page {
                    if let Some(filter) = &filter {
                        let event = self.store.event(run.event.as_str()).await?;
                        if !filter.holds(&Vars::new(&event.to_value())) {
                            continue;
                        }
                    }
                    found.insert(run.id);
                }
                if found.len() > MOST {
                    // the newest ones
                    let all = found.len();
                    return Ok((found.into_iter().skip(all - MOST).collect(), true));
                }
                if is_last {
                    break;
                }
            }
        }
        Ok((found.into_iter().collect(), false))
    }
}
