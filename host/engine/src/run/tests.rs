//! The whole transition table on one screen.

use super::*;
use crate::journal::samples::{at, key, one_of_each, text};
use expect_test::expect;

fn run_in(phase: Phase, step: Option<Step>) -> Run {
    let mut run = Run::new(at(0));
    run.started_at = (phase != Phase::Queued).then(|| at(1));
    run.phase = phase;
    run.steps.extend(step.map(|s| (key("a"), s)));
    run
}

fn step(kind: Kind, state: StepState) -> Step {
    Step { kind, state }
}

fn waits(kind: Kind) -> Step {
    step(kind, StepState::Waiting { until: at(60) })
}

fn tries(kind: Kind, failed: u32) -> Step {
    step(kind, StepState::Trying { failed, until: at(15) })
}

fn phase_name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Queued => "Queued",
        Phase::Running => "Running",
        Phase::Sleeping { .. } => "Sleeping",
        Phase::Paused { .. } => "Paused",
        Phase::Finished(Outcome::Completed(_)) => "Completed",
        Phase::Finished(Outcome::Failed(_)) => "Failed",
        Phase::Finished(Outcome::Cancelled(_)) => "Cancelled",
    }
}

fn step_name(step: Option<&Step>) -> &'static str {
    match step.map(|s| &s.state) {
        None => "new",
        Some(StepState::Waiting { .. }) => "Waiting",
        Some(StepState::Trying { .. }) => "Trying",
        Some(StepState::Settled(Ok(_))) => "Completed",
        Some(StepState::Settled(Err(_))) => "Failed",
    }
}

fn row_name(entry: &Entry) -> String {
    match entry {
        Entry::AttemptFailed { op, .. } | Entry::StepCompleted { op, .. } | Entry::StepFailed { op, .. } => {
            format!("{} {}", kind(entry), format!("{op:?}").to_lowercase())
        }
        other => kind(other).to_owned(),
    }
}

/// A row an entry, a column a run, in the cell what comes of it.
fn table(
    entries: &[Entry],
    columns: &[&str],
    run_for: impl Fn(usize, &Entry) -> Run,
    cell: impl Fn(&Run) -> &'static str,
) -> String {
    let mut out = format!("{:21}", "");
    columns.iter().for_each(|name| out += &format!("{name:11}"));
    for entry in entries {
        out += &format!("\n{:21}", row_name(entry));
        for column in 0..columns.len() {
            let before = run_for(column, entry);
            let mut after = before.clone();
            let word = match after.apply(entry) {
                Ok(()) => {
                    assert_eq!((after.seq, after.last_at), (before.seq + 1, entry.at()));
                    cell(&after)
                }
                Err(_) => {
                    assert_eq!(after, before, "a refused entry must change nothing");
                    "-"
                }
            };
            out += &format!("{word:11}");
        }
    }
    out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn phase_times_entry() {
    let phases = [
        ("Queued", Phase::Queued),
        ("Running", Phase::Running),
        ("Sleeping", Phase::Sleeping { until: at(60) }),
        ("Paused", Phase::Paused { why: None }),
        ("Paused new", Phase::Paused { why: None }),
        ("Completed", Phase::Finished(Outcome::Completed(text("1")))),
        ("Failed", Phase::Finished(Outcome::Failed(Failure::new("E", "m")))),
        ("Cancelled", Phase::Finished(Outcome::Cancelled("c".into()))),
    ];
    let names = phases.each_ref().map(|(name, _)| *name);
    // a step that the entry fits, so that only the phase decides
    let run_for = |column: usize, entry: &Entry| {
        let step = match entry {
            Entry::SleepEnded { .. } => Some(waits(Kind::Sleep)),
            Entry::StepCompleted { op: Kind::Wait, .. } => Some(waits(Kind::Wait)),
            _ => None,
        };
        let mut run = run_in(phases[column].1.clone(), step);
        if phases[column].0 == "Paused new" {
            run.started_at = None;
        }
        run
    };
    expect![[r#"
                             Queued     Running    Sleeping   Paused     Paused new Completed  Failed     Cancelled
        Started              Running    -          -          -          -          -          -          -
        SleepStarted         -          Running    Running    -          -          -          -          -
        SleepEnded           -          Running    Running    -          -          -          -          -
        AttemptFailed run    -          Running    Running    -          -          -          -          -
        StepCompleted run    -          Running    Running    -          -          -          -          -
        StepFailed run       -          Running    Running    -          -          -          -          -
        TryFailed            -          Running    Running    -          -          -          -          -
        WaitStarted          -          Running    Running    -          -          -          -          -
        StepCompleted wait   -          Running    Running    -          -          -          -          -
        InvokeStarted        -          Running    Running    -          -          -          -          -
        FetchStarted         -          Running    Running    -          -          -          -          -
        Parked               -          Sleeping   Sleeping   -          -          -          -          -
        Paused               Paused     Paused     Paused     -          -          -          -          -
        Resumed              -          -          -          Running    Queued     -          -          -
        Moved                Queued     Running    Sleeping   Paused     Paused     -          -          -
        Finished(Completed)  -          Completed  Completed  -          -          -          -          -
        Finished(Failed)     Failed     Failed     Failed     Failed     Failed     -          -          -
        Finished(Cancelled)  Cancelled  Cancelled  Cancelled  Cancelled  Cancelled  -          -          -"#]]
    .assert_eq(&table(&one_of_each(), &names, run_for, |run| phase_name(&run.phase)));
}

#[test]
fn step_times_entry() {
    let columns = [
        ("new", None),
        ("sleeps", Some(waits(Kind::Sleep))),
        ("waits", Some(waits(Kind::Wait))),
        ("invokes", Some(waits(Kind::Invoke))),
        ("fetches", Some(tries(Kind::Fetch, 0))),
        ("tries 0", Some(tries(Kind::Run, 0))),
        ("tries 1", Some(tries(Kind::Run, 1))),
        ("done", Some(step(Kind::Run, StepState::Settled(Ok(text("1")))))),
        ("failed", Some(step(Kind::Run, StepState::Settled(Err(Failure::new("E", "m")))))),
    ];
    let names = columns.each_ref().map(|(name, _)| *name);
    let run_for = |column: usize, _: &Entry| run_in(Phase::Running, columns[column].1.clone());
    let (of_steps, others): (Vec<_>, Vec<_>) =
        one_of_each().into_iter().partition(|entry| entry.step().is_some());
    let entries: Vec<_> = of_steps.iter().flat_map(of_every_kind).collect();
    expect![[r#"
                             new        sleeps     waits      invokes    fetches    tries 0    tries 1    done       failed
        SleepStarted         Waiting    -          -          -          -          -          -          -          -
        SleepEnded           -          Completed  -          -          -          -          -          -          -
        AttemptFailed run    Trying     -          -          -          -          Trying     -          -          -
        AttemptFailed sleep  -          -          -          -          -          -          -          -          -
        AttemptFailed wait   -          -          -          -          -          -          -          -          -
        AttemptFailed invoke -          -          -          -          -          -          -          -          -
        AttemptFailed send   -          -          -          -          -          -          -          -          -
        AttemptFailed fetch  -          -          -          -          Trying     -          -          -          -
        StepCompleted run    Completed  -          -          -          -          Completed  -          -          -
        StepCompleted sleep  -          -          -          -          -          -          -          -          -
        StepCompleted wait   -          -          Completed  -          -          -          -          -          -
        StepCompleted invoke -          -          -          Completed  -          -          -          -          -
        StepCompleted send   Completed  -          -          -          -          -          -          -          -
        StepCompleted fetch  -          -          -          -          Completed  -          -          -          -
        StepFailed run       Failed     -          -          -          -          Failed     -          -          -
        StepFailed sleep     -          -          -          -          -          -          -          -          -
        StepFailed wait      -          -          Failed     -          -          -          -          -          -
        StepFailed invoke    Failed     -          -          Failed     -          -          -          -          -
        StepFailed send      Failed     -          -          -          -          -          -          -          -
        StepFailed fetch     -          -          -          -          Failed     -          -          -          -
        WaitStarted          Waiting    -          -          -          -          -          -          -          -
        InvokeStarted        Waiting    -          -          -          -          -          -          -          -
        FetchStarted         Trying     -          -          -          -          -          -          -          -"#]]
    .assert_eq(&table(&entries, &names, run_for, |run| step_name(run.steps.get(&key("a")))));
    for entry in others {
        for column in 0..columns.len() {
            let before = run_for(column, &entry);
            let mut after = before.clone();
            if after.apply(&entry).is_ok() {
                assert_eq!(after.steps, before.steps, "{entry:?}");
            }
        }
    }
}

/// The entry for each kind of step, where it has one; those of another kind than `Run` are
/// in the list already.
fn of_every_kind(entry: &Entry) -> Vec<Entry> {
    const ALL: [Kind; 6] = [Kind::Run, Kind::Sleep, Kind::Wait, Kind::Invoke, Kind::Send, Kind::Fetch];
    let with = |kind: Kind| {
        let mut entry = entry.clone();
        match &mut entry {
            Entry::AttemptFailed { op, .. }
            | Entry::StepCompleted { op, .. }
            | Entry::StepFailed { op, .. } => *op = kind,
            _ => {}
        }
        entry
    };
    match entry {
        Entry::AttemptFailed { op: Kind::Run, .. }
        | Entry::StepCompleted { op: Kind::Run, .. }
        | Entry::StepFailed { op: Kind::Run, .. } => ALL.map(with).into(),
        Entry::AttemptFailed { .. } | Entry::StepCompleted { .. } | Entry::StepFailed { .. } => Vec::new(),
        other => vec![other.clone()],
    }
}

#[test]
fn what_is_settled_is_listed_in_the_order_in_which_it_settled() {
    let sleep = |name: &str| Entry::SleepStarted { step: key(name), at: at(1), until: at(2) };
    let ended = |name: &str| Entry::SleepEnded { step: key(name), at: at(2) };
    let journal = [Entry::Started { at: at(1) }, sleep("a"), sleep("b"), ended("b"), ended("a")];
    let run = Run::fold(at(0), &journal).expect("folds");
    assert_eq!(run.settled, [key("b"), key("a")]);
    assert_eq!(Run::fold(at(0), &journal[..4]).expect("folds").settled, [key("b")]);
}

#[test]
fn time_never_goes_back() {
    let run = Run::fold(at(5), &[Entry::Started { at: at(3) }]).expect("folds");
    assert_eq!((run.started_at, run.last_at), (Some(at(3)), at(5)));
}
