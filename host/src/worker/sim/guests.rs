//! Functions without Wasm: what one does follows from the seed and its event, the same in
//! every pass.

use super::dice::Dice;
use super::world::World;
use crate::runtime::{Ending, Input, Open, Reply, Steps, Stop};
use crate::worker::guests::{Guest, Guests};
use async_trait::async_trait;
use pawl_engine::event::SenderId;
use pawl_engine::replay::{Fetch, Invocation, Op, RunOptions, StepCall, WaitFor};
use pawl_engine::trace::TraceParent;
use pawl_engine::{DeploymentId, Event, Failure, FunctionId, Manifest, NewEvent, Payload, RunId, Span};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// One thing that a function does.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Code that takes so long and fails so often; by a trap, or by an error.
    Work { ms: u64, fails: u64, breaks: bool },
    /// A sleep.
    Sleep(u64),
    /// A wait for an event with the run's own key.
    Wait { event: &'static str, ms: u64 },
    /// A call of another function.
    Invoke { function: &'static str, n: u64, ms: u64 },
    /// So many events.
    Send(u64),
    /// A request that takes so long and fails so often.
    Fetch { ms: u64, fails: u64 },
    /// All of them, or the first of them.
    List { is_race: bool, of: Vec<Act> },
}

/// What a function does, and how often it fails at its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    pub(super) acts: Vec<Act>,
    pub(super) fails: u64,
}

/// Makes the script of a run from its own dice.
pub(super) type Writes = fn(&Dice) -> Script;

/// Event names of which tests know.
pub(super) const SENT: &str = "sim/sent";

/// The functions of a world.
pub(super) struct Scripted(pub(super) Arc<World>);

#[async_trait]
impl Guests for Scripted {
    async fn guest(
        &self,
        _: &DeploymentId,
        function: &FunctionId,
    ) -> Result<Result<Arc<dyn Guest>, Failure>, Stop> {
        let world = &self.0;
        world.still_lives().await;
        if world.dice.happens(world.plan.faults.fails) {
            return Err(Stop::Unrecorded("simulated: no guest".into()));
        }
        Ok(Ok(Arc::new(Player { world: world.clone(), manifest: world.manifest(function).clone() })))
    }
}

struct Player {
    world: Arc<World>,
    manifest: Manifest,
}

/// What a run's first event says: its number and its key.
pub(super) fn said(event: &Event) -> (u64, String) {
    let data = event.data.to_value();
    (data["n"].as_u64().unwrap_or(0), data["k"].as_str().unwrap_or_default().to_owned())
}

#[async_trait]
impl Guest for Player {
    fn manifest(&self) -> Option<&Manifest> {
        Some(&self.manifest)
    }

    async fn pass(&self, input: &Input, steps: Box<dyn Steps>) -> Ending {
        let run = RunId::new(input.run.as_str());
        self.world.enters(&run, &input.events);
        let (n, key) = said(&input.events[0]);
        let script = self.world.script(&self.manifest.id, n);
        let mut pass = Pass { player: self, run, key, steps, answered: 0 };
        for (place, act) in script.acts.iter().enumerate() {
            if let Err(ending) = pass.act(&format!("s{place}"), act).await {
                return ending;
            }
        }
        self.world.still_lives().await;
        if u64::from(input.attempt) < script.fails {
            return Ending::Returned(Err(Failure::new("Whim", "not this time")));
        }
        Ending::Returned(Ok(Payload::from_value(&json!(n))))
    }

    async fn fetch(&self, fetch: &Fetch, _: Span, _: TraceParent) -> Result<Payload, Failure> {
        // the url says it all: ms/fails/run/step
        let parts: Vec<_> = fetch.url.split('/').collect();
        let [ms, fails, run, step] = parts[..] else { return Ok(Payload::null()) };
        let number = self.world.begins(&RunId::new(run), step, false);
        tokio::time::sleep(Duration::from_millis(ms.parse().unwrap_or(0))).await;
        self.world.still_lives().await;
        if u64::from(number) < fails.parse().unwrap_or(0) {
            return Err(Failure::new("Unreachable", "try again"));
        }
        Ok(Payload::from_value(&json!({"fetched": step})))
    }
}

/// One instance.
struct Pass<'a> {
    player: &'a Player,
    run: RunId,
    key: String,
    steps: Box<dyn Steps>,
    answered: usize,
}

impl Pass<'_> {
    async fn act(&mut self, id: &str, act: &Act) -> Result<(), Ending> {
        let (of, is_race) = match act {
            Act::List { is_race, of } => (of.as_slice(), *is_race),
            one => (std::slice::from_ref(one), false),
        };
        let name = |place: usize| if of.len() == 1 { id.to_owned() } else { format!("{id}.{place}") };
        let mut left: Vec<_> = of.iter().enumerate().map(|(place, act)| (name(place), act)).collect();
        while !left.is_empty() {
            let (place, result) = self.ask(&left).await?;
            let (id, _) = left.remove(place);
            let text = match &result {
                Ok(output) => output.as_str().to_owned(),
                Err(failure) => format!("{}!", failure.name),
            };
            self.player.world.answers(&self.run, self.answered, (id, text));
            self.answered += 1;
            if is_race {
                break;
            }
        }
        Ok(())
    }

    async fn ask(&mut self, acts: &[(String, &Act)]) -> Result<(usize, Result<Payload, Failure>), Ending> {
        let world = self.player.world.clone();
        let calls: Vec<_> = acts.iter().map(|(id, act)| self.call(id, act)).collect();
        world.still_lives().await;
        match self.steps.ask(&calls).await {
            Err(stop) => Err(Ending::Left(stop)),
            Ok(Reply::Recorded(place, result)) => Ok((place, result)),
            Ok(Reply::Refused(failure)) => {
                world.wrong(format!("{} was refused: {}", self.run, failure.message));
                Err(Ending::Returned(Err(failure)))
            }
            Ok(Reply::Execute(place, open)) => {
                let result = self.execute(&open, acts[place].1).await?;
                world.still_lives().await;
                match self.steps.finish(result.clone()).await {
                    Err(stop) => Err(Ending::Left(stop)),
                    Ok(None) => Ok((place, result)),
                    Ok(Some(failure)) => Ok((place, Err(failure))),
                }
            }
        }
    }

    async fn execute(&mut self, open: &Open, act: &Act) -> Result<Result<Payload, Failure>, Ending> {
        let Act::Work { ms, fails, breaks } = act else {
            self.player.world.wrong(format!("{}: {} is to be executed", self.run, open.step));
            return Ok(Ok(Payload::null()));
        };
        let step = open.step.to_string();
        self.player.world.begins(&self.run, &step, true);
        let _counted = self.player.world.counts(&self.run, &self.player.manifest.id, &self.key);
        match ms {
            0 => tokio::task::yield_now().await,
            ms => tokio::time::sleep(Duration::from_millis(*ms)).await,
        }
        self.player.world.still_lives().await;
        match u64::from(open.number) < *fails {
            true if *breaks => Err(Ending::Broke(Failure::new("Trap", "unreachable"))),
            true => Ok(Err(Failure::new("Fault", format!("try {}", open.number)))),
            false => Ok(Ok(Payload::from_value(&json!({"done": step})))),
        }
    }

    fn call(&self, id: &str, act: &Act) -> StepCall {
        let data = |n: u64| Payload::from_value(&json!({"n": n, "k": self.key}));
        let op = match act {
            Act::Work { .. } => Op::Run(RunOptions::default()),
            Act::Sleep(ms) => Op::Sleep(Span::from_millis(*ms)),
            Act::Wait { event, ms } => Op::Wait(WaitFor {
                event: (*event).into(),
                filter: Some("async.data.k == event.data.k".into()),
                timeout: Span::from_millis(*ms),
                only: None,
            }),
            Act::Invoke { function, n, ms } => Op::Invoke(Invocation {
                function: FunctionId::new(*function),
                data: data(*n),
                user: None,
                timeout: Some(Span::from_millis(*ms)),
            }),
            Act::Send(n) => Op::Send((0..*n).map(|n| self.event(id, n)).collect()),
            Act::Fetch { ms, fails } => Op::Fetch(Fetch {
                method: "GET".into(),
                url: format!("{ms}/{fails}/{}/{id}", self.run),
                headers: Vec::new(),
                body: None,
                options: RunOptions::default(),
                infer: None,
            }),
            Act::List { .. } => unreachable!("lists do not nest"),
        };
        StepCall { id: id.into(), op }
    }

    fn event(&self, step: &str, n: u64) -> NewEvent {
        event(SENT, json!({"n": 7_000 + n, "k": self.key, "from": format!("{}/{step}", self.run)}), None)
    }
}

/// An event to send.
pub(super) fn event(name: &str, data: Value, id: Option<String>) -> NewEvent {
    NewEvent {
        name: name.into(),
        data: Payload::from_value(&data),
        user: None,
        at: None,
        version: None,
        sender: id.map(|id| SenderId { source: "api", id }),
        trace: None,
    }
}
