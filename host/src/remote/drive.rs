//! One pass of a run through an app: call after call, until the run is over or waits.
//!
//! An app executes what it comes to next, or plans what is to be executed side by side
//! (`DiscoveryRequest`, `StepPlanned` …). What it tells is recorded step by step through
//! [`Steps`], as a sandboxed function's is; at each call it is told all that is recorded.

use super::Remote;
use super::live::{Here, Report};
use crate::clock;
use crate::inngest::call::Call;
use crate::inngest::memo::{self, Memo, wire_id};
use crate::inngest::reply::{Reply as Answer, Told};
use crate::runtime::{Ending, Input, Reply, Steps, Stop};
use pawl_engine::replay::{Fetch, Op, RunOptions, StepCall};
use pawl_engine::run::StepState;
use pawl_engine::{Failure, Kind, Payload, Span, StepKey, Timestamp};
use serde_json::Value;

/// Calls in a row whose answers bring nothing new; then something is wrong with the app.
const IDLE_CALLS: u32 = 10;

/// One pass of a run through the function there.
pub async fn pass(to: &Remote, input: &Input, steps: Box<dyn Steps>) -> Ending {
    let events = input.events.iter().map(memo::event).collect();
    let mut pass = Pass {
        to,
        input,
        steps,
        events,
        memo: Memo::default(),
        here: None,
        open: Vec::new(),
        version: -1,
        calls: 0,
        has_settled: false,
        in_turn: false,
    };
    match pass.run().await {
        Ok(result) => Ending::Returned(result),
        Err(stop) => Ending::Left(stop),
    }
}

/// A step that is neither settled nor waited for in vain.
struct Open {
    call: StepCall,
    /// Its code has failed, and may be tried again from then on.
    again: Option<(u32, Timestamp)>,
}

struct Pass<'a> {
    to: &'a Remote,
    input: &'a Input,
    steps: Box<dyn Steps>,
    events: Vec<Value>,
    memo: Memo,
    /// Where the app reports steps in the middle of a call; not for a planned step.
    here: Option<Here>,
    /// What has begun and not settled.
    open: Vec<Open>,
    version: i32,
    /// How often the app was called in this pass.
    calls: u32,
    /// Something has settled in this pass.
    has_settled: bool,
    /// The app wants to be called after each step that settles, not after all of them.
    in_turn: bool,
}

type Ended = Result<Payload, Failure>;

impl Pass<'_> {
    async fn run(&mut self) -> Result<Ended, Stop> {
        let over = self.recall().await;
        if let Some(target) = self.steps.target() {
            return self.one(target).await;
        }
        if let Some(call) = over
            && let Reply::Recorded(_, result) = self.steps.ask(std::slice::from_ref(&call)).await?
        {
            self.settle(&call, &result);
        }
        self.here = Some(self.to.client.live.enter(&self.input.run));
        let mut idle = 0;
        loop {
            let again = match self.open.as_slice() {
                [Open { again: Some((failed, at)), .. }] if *at <= clock::now() => Some(*failed),
                _ => None,
            };
            let plans_only = !self.open.is_empty() && again.is_none();
            let (began, settled) = (clock::now(), self.memo.steps().len());
            // what comes after a step that has settled is at its first try
            let attempt = if self.has_settled { 0 } else { self.input.attempt };
            let answer = self.ask_app(None, again.unwrap_or(attempt), plans_only).await?;
            let told = match (answer, &*self.open) {
                (Ok(Answer::Returned(output)), _) => return Ok(Ok(output)),
                (Ok(Answer::Steps(told)), _) => told,
                // the try of a step that was to be executed has failed with it
                (Err(failure), [lone]) if again.is_some() => {
                    let call = lone.call.clone();
                    self.record(&call, began, Err(failure)).await?;
                    continue;
                }
                (Ok(Answer::Failed(failure)) | Err(failure), _) => return Ok(Err(failure)),
            };
            // who plans nothing wants to be called again
            if self.take(told, began).await?
                && let Some(failure) = self.wait().await?
            {
                return Ok(Err(failure));
            }
            idle = if self.memo.steps().len() > settled { 0 } else { idle + 1 };
            if idle > IDLE_CALLS {
                let why = "the app answers without a result and without a new step";
                return Ok(Err(Failure::new("NoProgress", why)));
            }
        }
    }

    /// What earlier passes have recorded. The first of the waits that are over by now is given:
    /// once it has settled the app is told of it, at its first try.
    async fn recall(&mut self) -> Option<StepCall> {
        let (now, mut over) = (clock::now(), Vec::new());
        for (key, step) in self.steps.known().await {
            match step.state {
                StepState::Settled(result) => self.memo.put(&key, step.kind, &result),
                StepState::Waiting { until } => {
                    if until <= now {
                        over.push((until, key.clone(), step.kind));
                    }
                    self.open.push(Open { call: same(&key, step.kind), again: None });
                }
                StepState::Trying { failed, until } => {
                    // a request is the host's own to make
                    let again = (step.kind == Kind::Run).then_some((failed, until));
                    self.open.push(Open { call: same(&key, step.kind), again });
                }
            }
        }
        over.into_iter().min_by_key(|(until, ..)| *until).map(|(_, key, kind)| same(&key, kind))
    }

    /// What was executed is recorded, what is planned is open. Whether anything is planned.
    async fn take(&mut self, told: Vec<Told>, began: Timestamp) -> Result<bool, Stop> {
        let is_second = self.version >= 2;
        self.in_turn = !is_second || told.iter().any(|t| t.is_race);
        let mut planned = Vec::new();
        for Told { mut call, id, result, .. } in told {
            if let Op::Invoke(other) = &mut call.op {
                other.function = (self.to.find)(other.function.clone());
            }
            // parallel steps may be told again
            if self.memo.has(&id) {
                continue;
            }
            match result {
                Some(result) => self.record(&call, began, result).await?,
                None => planned.push(Open { call, again: None }),
            }
        }
        // an app that is called tells all that it waits for
        let is_planned = !planned.is_empty();
        if is_planned {
            self.open = planned;
        }
        Ok(is_planned)
    }

    /// A step's code was executed.
    async fn record(&mut self, call: &StepCall, began: Timestamp, result: Ended) -> Result<(), Stop> {
        let settled = self.steps.executed(call, began, result).await?;
        self.settle(call, &settled);
        Ok(())
    }

    fn settle(&mut self, call: &StepCall, result: &Ended) {
        self.has_settled = true;
        self.memo.put(&StepKey::parse(&call.id), call.op.kind(), result);
        self.open.retain(|open| open.call.id != call.id);
    }

    /// Until the app is to be called again: after the next step that settles, or when no code is
    /// under way any more, since what has settled may have won a race against a long wait. A
    /// failure: what it asked for was refused.
    async fn wait(&mut self) -> Result<Option<Failure>, Stop> {
        let before = self.memo.steps().len();
        while !self.open.is_empty() {
            let is_code = |open: &Open| matches!(open.call.op, Op::Run(_));
            if self.memo.steps().len() > before && !self.open.iter().any(is_code) {
                return Ok(None);
            }
            let calls: Vec<_> = self.open.iter().map(|open| open.call.clone()).collect();
            match self.steps.ask(&calls).await? {
                Reply::Recorded(place, result) => self.settle(&calls[place], &result),
                Reply::Refused(failure) => return Ok(Some(failure)),
                Reply::Execute(place, open) => {
                    let result = self.execute(&open.step, open.number).await?;
                    let kept = result.clone();
                    let settled = self.steps.finish(result).await?.map_or(kept, Err);
                    self.settle(&calls[place], &settled);
                }
            }
            if self.in_turn {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// The one step that this pass is for.
    async fn one(&mut self, target: StepKey) -> Result<Ended, Stop> {
        match self.steps.ask(&[same(&target, Kind::Run)]).await? {
            Reply::Execute(_, open) => {
                let result = self.execute(&open.step, open.number).await?;
                self.steps.finish(result).await?;
                Err(Stop::Parked)
            }
            Reply::Recorded(..) | Reply::Refused(_) => Err(Stop::Parked),
        }
    }

    /// Has the app execute a planned step.
    async fn execute(&mut self, step: &StepKey, number: u32) -> Result<Ended, Stop> {
        let id = wire_id(step);
        let told = match self.ask_app(Some(&id), number, true).await? {
            Ok(Answer::Steps(told)) => told,
            Ok(Answer::Failed(failure)) | Err(failure) => return Ok(Err(failure)),
            Ok(Answer::Returned(_)) => Vec::new(),
        };
        let found = told.into_iter().find(|told| told.id == id).and_then(|told| told.result);
        Ok(found.unwrap_or_else(|| {
            let why = format!("the app was asked to execute the step `{step}`, and did not come to it");
            Err(Failure::new("StepNotFound", why))
        }))
    }

    /// Calls the app. What it reports meanwhile is recorded; `Err`: the run is left.
    async fn ask_app(
        &mut self,
        target: Option<&str>,
        attempt: u32,
        plans_only: bool,
    ) -> Result<Result<Answer, Failure>, Stop> {
        self.calls += 1;
        // another call of the run may still be under way at the app, and its reports are not ours
        let request = format!("{}-{}", clock::now().as_millis(), self.calls);
        let call = Call {
            run: &self.input.run,
            function: self.here.as_ref().filter(|_| target.is_none()).map(|_| self.to.function.as_str()),
            request: &request,
            attempt,
            max_attempts: self.to.max_attempts,
            target,
            plans_only,
            version: self.version,
        };
        let body = call.body(&self.events, &self.memo);
        let step = target.unwrap_or("step");
        let answer = self.to.client.call(self.to, step, (&self.input.run, &request), self.version, body);
        tokio::pin!(answer);
        let mut began = clock::now();
        loop {
            let report = async {
                match &mut self.here {
                    Some(here) if target.is_none() => here.reports.recv().await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(report) = report => {
                    let Report { request: of, steps, kept } = report;
                    if !of.is_empty() && of != request {
                        continue;
                    }
                    for Told { call, id, result, .. } in steps {
                        if let Some(result) = result.filter(|_| !self.memo.has(&id)) {
                            self.record(&call, began, result).await?;
                        }
                    }
                    began = clock::now();
                    // the app may have gone
                    let _told = kept.send(());
                }
                answer = &mut answer => {
                    return Ok(answer.map(|(answer, headers)| {
                        self.version = headers.version.unwrap_or(self.version);
                        answer
                    }));
                }
            }
        }
    }
}

/// A step that has begun, asked for again: what it is about is recorded.
fn same(key: &StepKey, kind: Kind) -> StepCall {
    let op = match kind {
        Kind::Run => Op::Run(RunOptions::default()),
        Kind::Sleep => Op::Sleep(Span::ZERO),
        Kind::Wait => Op::Wait(pawl_engine::replay::WaitFor {
            event: String::new(),
            filter: None,
            timeout: Span::ZERO,
            only: None,
        }),
        Kind::Invoke => Op::Invoke(pawl_engine::replay::Invocation {
            function: pawl_engine::FunctionId::new(""),
            data: Payload::null(),
            user: None,
            timeout: None,
        }),
        Kind::Send => Op::Send(Vec::new()),
        Kind::Fetch => Op::Fetch(Fetch {
            method: String::new(),
            url: String::new(),
            headers: Vec::new(),
            body: None,
            options: RunOptions::default(),
            infer: None,
        }),
    };
    StepCall { id: key.to_string(), op }
}
