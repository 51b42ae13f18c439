//! The guest's imports, each a few lines to [`super::Steps`] or to the outside.

use super::calls::{call, moment};
use super::guest::{Broke, Guest, OpenStep, failure_of, output_of, to_guest};
use super::{KvCall, KvReply, Level, Open, Reply, Stop, outbound};
use futures_util::StreamExt;
use pawl_bindings::pawl::workflow::{http, log, settings, step, system, types};
use pawl_bindings::wasi::keyvalue::store as kv;
use pawl_bindings::{Attempt, Bucket};
use pawl_engine::replay::{Op, StepCall};
use pawl_engine::{Failure, Span};
use std::time::Duration;
use wasmtime::Result;
use wasmtime::component::Resource;

/// Requests of one guest that are under way at once.
const AT_ONCE: usize = 32;

/// Bytes of the answers to one `send-all` together; the host holds them until the last is in.
const ANSWERS_BYTES: usize = 64 << 20;

impl types::Host for Guest {}

impl Guest {
    async fn ask(&mut self, calls: Vec<StepCall>) -> Result<(usize, step::Outcome)> {
        self.hand_on_output();
        let reply = self.steps.ask(&calls).await?;
        // waiting for the store was not the guest's time; being refused is no progress
        if !matches!(reply, Reply::Refused(_)) {
            self.heard_of();
        }
        Ok(match reply {
            Reply::Recorded(place, Ok(output)) => (place, step::Outcome::Ok(output.into_string())),
            Reply::Recorded(place, Err(failure)) => (place, step::Outcome::Err(to_guest(failure))),
            Reply::Refused(failure) => (0, step::Outcome::Err(to_guest(failure))),
            Reply::Execute(place, open) => (place, self.execute(open)?),
        })
    }

    fn execute(&mut self, open: Open) -> Result<step::Outcome> {
        let Open { step, number, max, timeout, idempotency_key } = open;
        let handle = self.table.push(Attempt { number, max, idempotency_key })?;
        let until = crate::clock::instant() + timeout.to_std();
        let trace = self.trace.as_ref().map(|trace| trace.from(trace.attempt(&step, number)));
        self.open = Some(OpenStep { step, handle: handle.rep(), until, timeout, trace });
        Ok(step::Outcome::Execute(handle))
    }

    /// Whether this is the handle of the step that is executing.
    fn is_open(&self, attempt: &Resource<Attempt>) -> bool {
        self.open.as_ref().is_some_and(|open| open.handle == attempt.rep())
    }

    async fn finish(
        &mut self,
        attempt: &Resource<Attempt>,
        result: std::result::Result<pawl_engine::Payload, Failure>,
    ) -> Result<Option<types::Failure>> {
        if !self.is_open(attempt) {
            return Err(Broke::Over.into());
        }
        self.hand_on_output();
        self.open = None;
        let failure = self.steps.finish(result).await?;
        self.heard_of();
        Ok(failure.map(to_guest))
    }

    /// For the imports that have no room for an answer: a refusal ends the run.
    async fn sleep_or_stop(&mut self, id: String, op: Op) -> Result<()> {
        match self.ask(vec![StepCall { id, op }]).await? {
            (_, step::Outcome::Err(failure)) => Err(Stop::Failed(failure_of(failure)).into()),
            (_, step::Outcome::Ok(_) | step::Outcome::Execute(_)) => Ok(()),
        }
    }
}

impl step::HostAttempt for Guest {
    fn number(&mut self, attempt: Resource<Attempt>) -> Result<u32> {
        Ok(self.table.get(&attempt)?.number)
    }

    fn max(&mut self, attempt: Resource<Attempt>) -> Result<u32> {
        Ok(self.table.get(&attempt)?.max)
    }

    fn idempotency_key(&mut self, attempt: Resource<Attempt>) -> Result<String> {
        Ok(self.table.get(&attempt)?.idempotency_key.clone())
    }

    async fn succeed(
        &mut self,
        attempt: Resource<Attempt>,
        output: String,
    ) -> Result<std::result::Result<(), types::Failure>> {
        Ok(self.finish(&attempt, output_of(output)).await?.map_or(Ok(()), Err))
    }

    async fn fail(&mut self, attempt: Resource<Attempt>, error: types::Failure) -> Result<types::Failure> {
        let own = failure_of(error);
        let raised = self.finish(&attempt, Err(own.clone())).await?;
        Ok(raised.unwrap_or_else(|| to_guest(own)))
    }

    fn drop(&mut self, attempt: Resource<Attempt>) -> Result<()> {
        if let Some(open) = self.open.as_ref().filter(|_| self.is_open(&attempt)) {
            return Err(Broke::Dropped(open.step.clone()).into());
        }
        self.table.delete(attempt)?;
        Ok(())
    }
}

impl step::Host for Guest {
    async fn open(&mut self, request: step::Request) -> Result<step::Outcome> {
        match call(request) {
            Ok(call) => self.ask(vec![call]).await.map(|(_, outcome)| outcome),
            Err(failure) => Ok(step::Outcome::Err(to_guest(failure))),
        }
    }

    async fn select(&mut self, requests: Vec<step::Request>) -> Result<Vec<(u32, step::Outcome)>> {
        let mut calls = Vec::with_capacity(requests.len());
        for (place, request) in (0..).zip(requests) {
            match call(request) {
                Ok(call) => calls.push(call),
                Err(failure) => return Ok(vec![(place, step::Outcome::Err(to_guest(failure)))]),
            }
        }
        let (place, outcome) = self.ask(calls).await?;
        Ok(vec![(u32::try_from(place).unwrap_or(u32::MAX), outcome)])
    }

    async fn sleep(&mut self, id: String, duration: u64) -> Result<()> {
        self.sleep_or_stop(id, Op::Sleep(Span::from_millis(duration))).await
    }

    async fn sleep_until(&mut self, id: String, until: u64) -> Result<()> {
        self.sleep_or_stop(id, Op::SleepUntil(moment(until))).await
    }
}

impl log::Host for Guest {
    fn log(&mut self, level: log::Level, message: String, fields: Vec<(String, String)>) -> Result<()> {
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.hand_on_output();
        self.steps.log(level, &message, &fields);
        if level == Level::Error {
            self.last_error = Some(message);
        }
        Ok(())
    }
}

impl http::Host for Guest {
    async fn send(
        &mut self,
        request: http::Request,
    ) -> Result<std::result::Result<http::Response, http::Error>> {
        let mut answers = self.send_all(vec![request]).await?;
        let none = || Err(http::Error::Network("no answer".into()));
        Ok(answers.pop().unwrap_or_else(none))
    }

    async fn send_all(
        &mut self,
        requests: Vec<http::Request>,
    ) -> Result<Vec<std::result::Result<http::Response, http::Error>>> {
        let Some((until, trace)) = self.open.as_ref().map(|open| (open.until, open.trace)) else {
            let why = "outgoing HTTP is for steps: wrap it in step.run";
            let denied = |_| Err(http::Error::Denied(why.to_owned()));
            return Ok(requests.into_iter().map(denied).collect());
        };
        let (client, grant) = (&self.client, &self.grant);
        let sent = requests.into_iter().map(|request| outbound::send(client, grant, request, trace, until));
        let mut answers = Vec::new();
        let mut bytes = 0;
        let mut coming = futures_util::stream::iter(sent).buffered(AT_ONCE);
        while let Some(answer) = coming.next().await {
            bytes += answer.as_ref().map_or(0, |answer| answer.body.len());
            answers.push(answer.and_then(|answer| match bytes <= ANSWERS_BYTES {
                true => Ok(answer),
                false => {
                    Err(http::Error::Network(format!("the answers have more than {ANSWERS_BYTES} bytes")))
                }
            }));
        }
        drop(coming);
        self.heard_of();
        self.check_deadline()?;
        Ok(answers)
    }
}

impl settings::Host for Guest {
    fn get(&mut self, name: String) -> Result<std::result::Result<Option<String>, String>> {
        Ok(match (self.open.is_some(), self.grant.settings.get(&name)) {
            (false, _) => Err("settings are for steps: wrap it in step.run".into()),
            (true, Some(value)) => Ok(Some(value.clone())),
            (true, None) if self.grant.unset.contains(&name) => Ok(None),
            (true, None) => Err(format!(
                "setting {name} is not granted: name it in the function's `settings`, \
                 and in production under [grants] in pawl.toml"
            )),
        })
    }
}

impl system::Host for Guest {
    fn now(&mut self) -> Result<u64> {
        Ok(self.time())
    }

    fn random(&mut self) -> Result<u64> {
        Ok(self.draw())
    }

    async fn pause(&mut self, duration: u64) -> Result<()> {
        if let Some(until) = self.wait_of(Duration::from_millis(duration)) {
            tokio::time::sleep_until(until.into()).await;
            self.heard_of();
            self.check_deadline()?;
        }
        // outside of a step no time has passed: who only pauses there is busy
        Ok(())
    }
}

impl Guest {
    async fn kv(&mut self, call: KvCall) -> Result<std::result::Result<KvReply, kv::Error>> {
        if self.open.is_none() {
            return Ok(Err(kv::Error::AccessDenied));
        }
        let reply = self.steps.kv(call).await.map_err(kv::Error::Other);
        self.heard_of();
        self.check_deadline()?;
        Ok(reply)
    }
}

impl kv::Host for Guest {
    fn open(&mut self, identifier: String) -> Result<std::result::Result<Resource<Bucket>, kv::Error>> {
        Ok(match identifier.as_str() {
            "" | "default" => Ok(self.table.push(Bucket)?),
            _ => Err(kv::Error::NoSuchStore),
        })
    }
}

impl kv::HostBucket for Guest {
    async fn get(
        &mut self,
        _: Resource<Bucket>,
        key: String,
    ) -> Result<std::result::Result<Option<Vec<u8>>, kv::Error>> {
        Ok(self.kv(KvCall::Get(key)).await?.map(|reply| match reply {
            KvReply::Value(value) => value,
            KvReply::Done | KvReply::Keys(..) => None,
        }))
    }

    async fn set(
        &mut self,
        _: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> Result<std::result::Result<(), kv::Error>> {
        Ok(self.kv(KvCall::Set(key, Some(value))).await?.map(|_| ()))
    }

    async fn delete(
        &mut self,
        _: Resource<Bucket>,
        key: String,
    ) -> Result<std::result::Result<(), kv::Error>> {
        Ok(self.kv(KvCall::Set(key, None)).await?.map(|_| ()))
    }

    async fn exists(
        &mut self,
        _: Resource<Bucket>,
        key: String,
    ) -> Result<std::result::Result<bool, kv::Error>> {
        Ok(self.kv(KvCall::Get(key)).await?.map(|reply| matches!(reply, KvReply::Value(Some(_)))))
    }

    async fn list_keys(
        &mut self,
        _: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> Result<std::result::Result<kv::KeyResponse, kv::Error>> {
        // the draft's cursor is a number: how many keys were listed before
        let mut skip = cursor.unwrap_or(0);
        let mut after = String::new();
        loop {
            match self.kv(KvCall::Keys(after)).await? {
                Err(e) => return Ok(Err(e)),
                Ok(KvReply::Keys(keys, more)) if skip >= keys.len() as u64 && more => {
                    skip -= keys.len() as u64;
                    after = keys.last().cloned().unwrap_or_default();
                }
                Ok(KvReply::Keys(keys, more)) => {
                    let keys: Vec<_> =
                        keys.into_iter().skip(usize::try_from(skip).unwrap_or(usize::MAX)).collect();
                    let cursor = more.then(|| cursor.unwrap_or(0) + keys.len() as u64);
                    return Ok(Ok(kv::KeyResponse { keys, cursor }));
                }
                Ok(KvReply::Value(_) | KvReply::Done) => {
                    return Ok(Ok(kv::KeyResponse { keys: Vec::new(), cursor: None }));
                }
            }
        }
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}
