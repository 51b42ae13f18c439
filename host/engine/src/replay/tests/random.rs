//! Random guests, carried as sessions carry them, against the transition table: what one
//! pass was told, every other pass is told.

use super::*;
use crate::{DeploymentId, Index, Status};
use proptest::prelude::*;

/// A guest: what it asks for is a function of what it was answered.
#[derive(Debug, Clone)]
struct Script {
    questions: Vec<Question>,
    /// How many tries of the function break outside of its steps.
    breaks: u32,
}

#[derive(Debug, Clone)]
struct Question {
    calls: Vec<(Sort, u8)>,
    /// Asks until all are answered; otherwise goes on with the first, as in a race.
    joins: bool,
}

#[derive(Debug, Clone, Copy)]
enum Sort {
    Run,
    Sleep,
    Wait,
    Invoke,
    InvokeNobody,
    Send,
    Fetch,
    BadFilter,
    TooLong,
    Reserved,
}

/// A guest on its way.
struct Guest<'a> {
    script: &'a Script,
    attempt: u32,
    place: usize,
    rest: Vec<StepCall>,
    heard: usize,
}

/// An answer as the guest hears it.
#[derive(Debug, Clone, PartialEq)]
enum Heard {
    Settled(StepKey, usize, Result<Payload, Failure>),
    Refused(Refused),
}

impl<'a> Guest<'a> {
    fn new(script: &'a Script, attempt: u32) -> Self {
        // another try takes another way
        let mut guest = Self { script, attempt, place: attempt as usize, rest: Vec::new(), heard: 0 };
        guest.load();
        guest
    }

    fn load(&mut self) {
        let question = self.script.questions.get(self.place);
        self.rest =
            question.map(|q| q.calls.iter().map(|(sort, n)| sort.call(*n)).collect()).unwrap_or_default();
    }

    /// Nothing when it has come to its end.
    fn question(&self) -> Option<Vec<StepCall>> {
        (!self.rest.is_empty() && self.heard < 40).then(|| self.rest.clone())
    }

    fn hear(&mut self, heard: &Heard) {
        self.heard += 1;
        let joins = self.script.questions[self.place].joins;
        let step = match heard {
            Heard::Settled(_, place, result) => {
                self.rest.remove(*place);
                // who won, and how, decides what comes next
                1 + usize::from(*place > 0) + usize::from(result.is_err())
            }
            Heard::Refused(_) => {
                self.rest.clear();
                1
            }
        };
        if !joins || self.rest.is_empty() {
            self.place += step;
            self.load();
        }
    }

    fn result(&self) -> Result<Payload, Failure> {
        if self.attempt < self.script.breaks { Err(broken()) } else { ok("0") }
    }
}

impl Sort {
    fn call(self, n: u8) -> StepCall {
        match self {
            Self::Run => run(&format!("r{n}")),
            Self::Sleep => sleep(&format!("s{n}"), u64::from(n) * 7),
            Self::Wait => wait(&format!("w{n}"), u64::from(n) * 20),
            Self::Invoke => invoke(&format!("i{n}"), "label", u64::from(n) * 20),
            Self::InvokeNobody => invoke(&format!("n{n}"), "nobody", 5),
            Self::Send => send(&format!("e{n}"), &["shop/a", "shop/b"]),
            Self::Fetch => fetch(&format!("f{n}")),
            Self::BadFilter => filtered(&format!("b{n}"), 5, Some("event.")),
            Self::TooLong => sleep(&format!("t{n}"), limits::SLEEP.as_millis() + 1),
            Self::Reserved => send(&format!("p{n}"), &["pawl/a"]),
        }
    }
}

/// What happens to the run next.
#[derive(Debug, Clone)]
enum Act {
    /// The function's own instance goes on; the bits say what is done elsewhere, and whether
    /// the instance is left.
    Go(u8),
    /// A try ends: that of the function's own instance, or one of the others.
    End(u8, Ends),
    /// Time passes.
    Later(u8),
    /// Something comes in, for a step that may be there.
    Comes(u8, bool, bool),
    /// All that is not in the journal is lost.
    Crash,
    /// Paused, moved, resumed.
    Operate(u8),
}

#[derive(Debug, Clone, Copy)]
enum Ends {
    Well,
    Badly,
    ForGood,
}

fn script() -> impl Strategy<Value = Script> {
    let sort = prop_oneof![
        5 => Just(Sort::Run),
        2 => Just(Sort::Sleep),
        2 => Just(Sort::Wait),
        2 => Just(Sort::Invoke),
        1 => Just(Sort::InvokeNobody),
        1 => Just(Sort::Send),
        2 => Just(Sort::Fetch),
        1 => prop_oneof![Just(Sort::BadFilter), Just(Sort::TooLong), Just(Sort::Reserved)],
    ];
    let calls = prop::collection::vec((sort, 0..3u8), 1..5);
    let question = (calls, any::<bool>()).prop_map(|(calls, joins)| Question { calls, joins });
    let questions = prop::collection::vec(question, 1..8);
    (questions, 0..5u32).prop_map(|(questions, breaks)| Script { questions, breaks })
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let ends = prop_oneof![4 => Just(Ends::Well), 2 => Just(Ends::Badly), 1 => Just(Ends::ForGood)];
    let act = prop_oneof![
        8 => any::<u8>().prop_map(Act::Go),
        6 => (any::<u8>(), ends).prop_map(|(which, how)| Act::End(which, how)),
        3 => (0..30u8).prop_map(Act::Later),
        2 => (0..4u8, any::<bool>(), any::<bool>()).prop_map(|(n, is_event, ok)| Act::Comes(n, is_event, ok)),
        1 => Just(Act::Crash),
        1 => any::<u8>().prop_map(Act::Operate),
    ];
    prop::collection::vec(act, 1..150)
}

/// A guest's run, and all that its passes were told.
struct Carried<'a> {
    world: World,
    pass: Pass,
    guest: Guest<'a>,
    /// The place in its question of what the function's own instance executes.
    executes: usize,
    /// Instances that execute a step beside it.
    forks: BTreeMap<StepKey, Cursor>,
    /// By the function's tries.
    history: BTreeMap<u32, Vec<Heard>>,
    answers: BTreeMap<StepKey, Step>,
}

impl<'a> Carried<'a> {
    fn new(script: &'a Script) -> Self {
        let mut world = World::new();
        let pass = world.pass();
        let (history, answers, forks) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { world, pass, guest: Guest::new(script, 0), executes: 0, forks, history, answers }
    }

    /// A new claim: mail is read, and nothing is under way.
    fn again(&mut self) {
        self.pass = self.world.pass();
        self.forks.clear();
        self.guest = Guest::new(self.guest.script, self.pass.replay.run().tries);
    }

    /// A new instance of the function; what is under way elsewhere goes on.
    fn new_instance(&mut self) {
        self.pass.cursor = self.pass.replay.cursor();
        self.guest = Guest::new(self.guest.script, self.pass.replay.run().tries);
    }

    fn hear(&mut self, heard: Heard) {
        let history = self.history.entry(self.guest.attempt).or_default();
        match history.get(self.guest.heard) {
            Some(before) => assert_eq!(heard, *before, "another answer than in an earlier pass"),
            None => history.push(heard.clone()),
        }
        self.guest.hear(&heard);
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Go(_) if self.pass.cursor.executing().is_some() => {}
            Act::Go(bits) => self.go(*bits),
            Act::End(which, how) => self.end(*which, *how),
            Act::Later(ms) => self.world.now += i64::from(*ms),
            Act::Comes(n, true, _) => self.world.mail.push(paid(&format!("w{n}"), &n.to_string())),
            Act::Comes(n, false, is_ok) => {
                let result = if *is_ok { ok("9") } else { Err(broken()) };
                self.world.mail.push(Mail::Ended { step: key(&format!("i{n}")), result });
            }
            Act::Crash => self.again(),
            Act::Operate(bits) => self.operate(*bits),
        }
    }

    fn go(&mut self, bits: u8) {
        let Some(calls) = self.guest.question() else {
            self.world.end(&mut self.pass, self.guest.result()).expect("no divergence");
            self.pass.replay.call_all_off();
            if !matches!(self.pass.replay.run().phase, Phase::Finished(_)) {
                self.again();
            }
            return;
        };
        let before = (self.pass.replay.run().clone(), self.world.effects.len());
        let keys = self.pass.replay.keys(&self.pass.cursor, &calls);
        match self.world.try_ask(&mut self.pass, &calls) {
            Err(refused) => {
                assert!(matches!(refused, Refused::Invalid(..) | Refused::TooLong(_)), "{refused:?}");
                let after = (self.pass.replay.run().clone(), self.world.effects.len());
                assert_eq!(after, before, "a refusal changed something");
                self.hear(Heard::Refused(refused));
            }
            Ok(Answer::Recorded(place, result)) => {
                self.hear(Heard::Settled(keys.expect("keys")[place].clone(), place, result));
            }
            Ok(Answer::Work(work)) => self.begin(work, bits),
            Ok(Answer::Wait(until)) => {
                let is_idle = self.pass.replay.under_way() == 0;
                match (is_idle, bits % 4) {
                    (_, 0) => {}
                    (true, park) => {
                        let now = at(self.world.now);
                        let parked = self.pass.replay.park(&self.pass.cursor, until, now).expect("parks");
                        self.world.journal.extend(parked);
                        if park > 1 {
                            self.world.now = self.world.now.max(until.as_millis().min(self.world.now + 100));
                        }
                        self.again();
                    }
                    (false, _) => self.new_instance(),
                }
            }
        }
    }

    /// Takes some off, executes one here, leaves the rest.
    fn begin(&mut self, work: Vec<(usize, Attempt)>, bits: u8) {
        assert!(!work.is_empty());
        for (i, (place, attempt)) in work.into_iter().enumerate() {
            let step = attempt.step.clone();
            let failed = match self.pass.replay.run().steps.get(&step).map(|s| &s.state) {
                None => 0,
                Some(StepState::Trying { failed, .. }) => *failed,
                other => panic!("`{step}` is executed, and is {other:?}"),
            };
            assert_eq!(attempt.number, failed);
            assert!(self.pass.replay.attempt(&step).is_none(), "`{step}` is under way already");
            if attempt.kind == Kind::Fetch {
                self.pass.replay.take_off(attempt);
            } else if bits >> i & 1 == 1 {
                self.pass.replay.take_off(attempt);
                self.fork(&step);
            } else if bits & 0x80 == 0 {
                self.pass.replay.execute(&mut self.pass.cursor, attempt, self.guest.rest.len() > 1);
                self.executes = place;
                return;
            }
        }
    }

    /// An instance beside the function's own gets to its step by what is recorded.
    fn fork(&mut self, step: &StepKey) {
        let before = self.world.journal.len();
        let mut fork = Cursor::for_step(step.clone());
        let mut guest = Guest::new(self.guest.script, self.guest.attempt);
        loop {
            let calls = guest.question().expect("has not come to its step");
            let keys = self.pass.replay.keys(&fork, &calls);
            match self.world.ask_by(&mut self.pass.replay, &mut fork, &calls) {
                Ok(Answer::Recorded(place, result)) => {
                    guest.hear(&Heard::Settled(keys.expect("keys")[place].clone(), place, result));
                }
                Err(refused) => guest.hear(&Heard::Refused(refused)),
                Ok(Answer::Work(work)) => {
                    let [(_, attempt)] = work.as_slice() else { panic!("one try: {work:?}") };
                    assert_eq!(attempt.step, *step);
                    self.pass.replay.execute(&mut fork, attempt.clone(), calls.len() > 1);
                    break;
                }
                Ok(Answer::Wait(_)) => panic!("waits before it has come to `{step}`"),
            }
        }
        assert_eq!(self.world.journal.len(), before, "a fork recorded something");
        self.forks.insert(step.clone(), fork);
    }

    fn end(&mut self, which: u8, how: Ends) {
        let result = match how {
            Ends::Well => ok("1"),
            Ends::Badly => Err(broken()),
            Ends::ForGood => Err(broken().for_good()),
        };
        if let Some(step) = self.pass.cursor.executing().cloned() {
            let told = result.clone();
            match self.world.finish(&mut self.pass, result) {
                Settled::Completed => self.hear(Heard::Settled(step, self.executes, told)),
                Settled::Failed(failure) => self.hear(Heard::Settled(step, self.executes, Err(failure))),
                Settled::Again if self.pass.replay.under_way() > 0 && which.is_multiple_of(2) => {
                    self.new_instance()
                }
                Settled::Again => self.again(),
            }
            return;
        }
        let under_way: Vec<_> = self.pass.replay.open.keys().cloned().collect();
        let Some(step) = under_way.get(usize::from(which) % under_way.len().max(1)) else { return };
        let mut fork = self.forks.remove(step).unwrap_or_else(|| Cursor::for_step(step.clone()));
        self.world.now += 1;
        let now = at(self.world.now);
        let (_, entries) = self.pass.replay.finish(&mut fork, step, result, now).expect("an open try");
        assert_eq!(entries.len(), 1, "a fork does not park the run");
        self.world.journal.extend(entries);
    }

    fn operate(&mut self, bits: u8) {
        let now = at(self.world.now);
        if bits.is_multiple_of(2) {
            let ids = (DeploymentId::new("d1"), DeploymentId::new("d2"));
            self.record(move_to(at(0), &self.world.journal, ids, now));
        } else {
            let index = self.record(pause(at(0), &self.world.journal, now));
            assert_eq!((index.status, index.wake_at), (Status::Paused, None));
            self.record(resume(at(0), &self.world.journal, now));
        }
        self.again();
    }

    fn record(&mut self, reworked: Option<Reworked>) -> Index {
        let Reworked { entry, index } = reworked.expect("the run is not over");
        self.world.journal.push(entry);
        assert_eq!(index, Index::of(&self.world.run()));
        index
    }

    /// What holds after everything that can happen.
    fn check(&mut self) {
        // each entry is folded in turn, so this is about every prefix
        let run = self.world.run();
        assert_eq!(*self.pass.replay.run(), run, "the replay and the journal differ");
        for (key, step) in &self.answers {
            assert_eq!(run.steps.get(key), Some(step), "a settled step changed");
        }
        let settled = run.steps.iter().filter(|(_, step)| step.is_settled());
        self.answers = settled.map(|(key, step)| (key.clone(), step.clone())).collect();
        assert_eq!(self.answers.len(), run.settled.len());
        let index = Index::of(&run);
        assert_eq!(index.status.is_final(), index.wake_at.is_none());
        assert_eq!(index.status.is_final(), index.ended_at.is_some());
        assert_eq!(index.started_at, run.started_at);
        self.check_effects();
    }

    /// Each effect comes once, with the entry that it belongs to.
    fn check_effects(&self) {
        let count = |is: fn(&Entry) -> bool| self.world.journal.iter().filter(|entry| is(entry)).count();
        let mut steps = BTreeSet::new();
        let mut sent = 0;
        for effect in &self.world.effects {
            match effect {
                Effect::Watch { step, .. } | Effect::Invoke { step, .. } => {
                    assert!(steps.insert(step.clone()), "a second effect of `{step}`");
                }
                Effect::Send { .. } => sent += 1,
            }
        }
        assert_eq!(sent, count(|e| matches!(e, Entry::StepCompleted { op: Kind::Send, .. })));
        let waits = count(|e| matches!(e, Entry::WaitStarted { .. } | Entry::InvokeStarted { .. }));
        assert_eq!(steps.len(), waits);
    }

    /// Whatever is lost behind any entry: a replay tells the function what it was told
    /// before, in that order, and begins nothing that is recorded. So does a fork.
    fn check_replays(&self) {
        for cut in 0..=self.world.journal.len() {
            let run = Run::fold(at(0), &self.world.journal[..cut]).expect("every prefix folds");
            if matches!(run.phase, Phase::Finished(_) | Phase::Paused { .. }) {
                continue;
            }
            let attempt = run.tries;
            let history = self.history.get(&attempt).map_or(&[][..], Vec::as_slice);
            let (mut replay, _) =
                Replay::begin(RunId::new("r"), run, RULES, &[], at(self.world.now), at(self.world.now))
                    .expect("begins");
            let nobody = StepKey::new("nobody", 0).expect("a key");
            for mut cursor in [Cursor::for_step(nobody), replay.cursor()] {
                let mut guest = Guest::new(self.guest.script, attempt);
                for heard in history {
                    if matches!(heard, Heard::Settled(key, ..) if !replay.run.settled.contains(key)) {
                        break;
                    }
                    let calls = guest.question().expect("it was told more before");
                    match (replay.ask(&mut cursor, &calls, &mut Ids(0), at(self.world.now)), heard) {
                        (Ok(asked), Heard::Settled(_, place, result)) => {
                            assert_eq!(
                                asked.answer,
                                Answer::Recorded(*place, result.clone()),
                                "cut at {cut}"
                            );
                            assert!(asked.entries.is_empty() && asked.effects.is_empty());
                        }
                        (Err(refused), Heard::Refused(before)) => assert_eq!(refused, *before),
                        (asked, heard) => panic!("cut at {cut}: {asked:?}, and {heard:?} before"),
                    }
                    guest.hear(heard);
                }
                // and from there it goes on
                match guest.question().map(|calls| replay.ask(&mut cursor, &calls, &mut Ids(0), at(9))) {
                    None | Some(Ok(_) | Err(Refused::Invalid(..) | Refused::TooLong(_))) => {}
                    Some(Err(refused)) => panic!("cut at {cut}: {refused}"),
                }
            }
        }
    }

    /// A run that begins again from any step keeps a beginning of what has settled.
    fn check_reruns(&self) {
        let run = self.world.run();
        for step in run.steps.keys() {
            let kept = outcomes_before(at(0), &self.world.journal, step).expect("has that step");
            let again = Run::fold(at(0), &kept).expect("folds");
            assert!(run.settled.starts_with(&again.settled), "{:?}, {:?}", run.settled, again.settled);
            assert!(again.steps.keys().all(|key| again.settled.contains(key) && key != step));
        }
    }
}

proptest! {
    /// Whatever a guest does, wherever it is cut off, whatever comes in and in whichever order
    /// its tries end: what is decided folds, and every replay tells the same.
    #[test]
    fn every_journal_that_is_decided_folds(script in script(), acts in acts()) {
        let mut carried = Carried::new(&script);
        for act in &acts {
            carried.act(act);
            carried.check();
            if matches!(carried.pass.replay.run().phase, Phase::Finished(_)) {
                break;
            }
        }
        carried.check_replays();
        carried.check_reruns();
    }
}
