//! The whole transition table on one screen.

use super::*;
use crate::journal::samples::{at, key, one_of_each, text};
use expect_test::expect;

fn run_in(phase: Phase, step: Option<Step>) -> Run {
    let mut run = Run::new(at(0));
    run.phase = phase;
    run.steps.extend(step.map(|s| (key("a"), s)));
    run
}

fn phase_name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Queued => "Queued",
        Phase::Running => "Running",
        Phase::Sleeping { .. } => "Sleeping",
        Phase::Finished(Outcome::Completed(_)) => "Completed",
        Phase::Finished(Outcome::Failed(_)) => "Failed",
        Phase::Finished(Outcome::Cancelled(_)) => "Cancelled",
    }
}

fn step_name(step: Option<&Step>) -> &'static str {
    match step {
        None => "new",
        Some(Step::Sleeping { .. }) => "Sleeping",
        Some(Step::Slept) => "Slept",
        Some(Step::Retrying { .. }) => "Retrying",
        Some(Step::Completed(_)) => "Completed",
        Some(Step::Failed(_)) => "Failed",
    }
}

fn table(rows: Vec<(String, Run)>, cell: impl Fn(&Run) -> &'static str) -> String {
    let mut out = format!("{:20}", "");
    rows.iter().for_each(|(name, _)| out += &format!("{name:11}"));
    for entry in one_of_each() {
        out += &format!("\n{:20}", kind(&entry));
        for (_, run) in &rows {
            let mut after = run.clone();
            let word = match after.apply(&entry) {
                Ok(()) => cell(&after),
                Err(_) => {
                    assert_eq!(&after, run, "a refused entry must change nothing");
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
    // a step that each entry fits, so that only the phase decides
    let phases = [
        Phase::Queued,
        Phase::Running,
        Phase::Sleeping { until: at(60) },
        Phase::Finished(Outcome::Completed(text("1"))),
        Phase::Finished(Outcome::Failed(Failure::new("E", "m"))),
        Phase::Finished(Outcome::Cancelled("c".into())),
    ];
    let rows = |sleeping: bool| {
        let step = sleeping.then_some(Step::Sleeping { until: at(60) });
        phases.iter().map(|p| (phase_name(p).to_owned(), run_in(p.clone(), step.clone()))).collect()
    };
    expect![[r#"
                            Queued     Running    Sleeping   Completed  Failed     Cancelled
        Started             Running    -          -          -          -          -
        SleepStarted        -          Running    Running    -          -          -
        SleepEnded          -          -          -          -          -          -
        AttemptFailed       -          Running    Running    -          -          -
        StepCompleted       -          Running    Running    -          -          -
        StepFailed          -          Running    Running    -          -          -
        TryFailed           -          Running    Running    -          -          -
        Parked              -          Sleeping   Sleeping   -          -          -
        Finished(Completed) -          Completed  Completed  -          -          -
        Finished(Failed)    Failed     Failed     Failed     -          -          -
        Finished(Cancelled) Cancelled  Cancelled  Cancelled  -          -          -"#]]
    .assert_eq(&table(rows(false), |run| phase_name(&run.phase)));
    let ends = table(rows(true), |run| phase_name(&run.phase));
    let row = ends.lines().find(|l| l.starts_with("SleepEnded")).expect("a row").to_owned();
    expect!["SleepEnded          -          Running    Running    -          -          -"].assert_eq(&row);
}

#[test]
fn step_times_entry() {
    let steps = [
        None,
        Some(Step::Sleeping { until: at(60) }),
        Some(Step::Slept),
        Some(Step::Retrying { failed: 0, until: at(15) }),
        Some(Step::Retrying { failed: 1, until: at(15) }),
        Some(Step::Completed(text("1"))),
        Some(Step::Failed(Failure::new("E", "m"))),
    ];
    let rows = steps
        .iter()
        .map(|s| {
            let name = match s {
                Some(Step::Retrying { failed, .. }) => format!("Retrying {failed}"),
                _ => step_name(s.as_ref()).to_owned(),
            };
            (name, run_in(Phase::Running, s.clone()))
        })
        .collect();
    expect![[r#"
                            new        Sleeping   Slept      Retrying 0 Retrying 1 Completed  Failed
        Started             -          -          -          -          -          -          -
        SleepStarted        Sleeping   -          -          -          -          -          -
        SleepEnded          -          Slept      -          -          -          -          -
        AttemptFailed       Retrying   -          -          Retrying   -          -          -
        StepCompleted       Completed  -          -          Completed  -          -          -
        StepFailed          Failed     -          -          Failed     -          -          -
        TryFailed           new        Sleeping   Slept      Retrying   Retrying   Completed  Failed
        Parked              new        Sleeping   Slept      Retrying   Retrying   Completed  Failed
        Finished(Completed) new        Sleeping   Slept      Retrying   Retrying   Completed  Failed
        Finished(Failed)    new        Sleeping   Slept      Retrying   Retrying   Completed  Failed
        Finished(Cancelled) new        Sleeping   Slept      Retrying   Retrying   Completed  Failed"#]]
    .assert_eq(&table(rows, |run| step_name(run.steps.get(&key("a")))));
}
