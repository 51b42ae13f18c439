//! Failures of a function outside of its steps: how many there may be.

use super::*;
use proptest::prelude::*;

fn world(counts: Counts) -> World {
    let mut world = World::new();
    world.rules = Rules { retries: 1, counts, ..RULES };
    world
}

/// A pass that breaks outside of steps; whether the run goes on.
fn breaks(world: &mut World) -> bool {
    let mut pass = world.pass();
    world.end(&mut pass, Err(broken())).expect("ends");
    !matches!(world.run().phase, Phase::Finished(_))
}

#[test]
fn each_stretch_between_steps_has_the_retries_of_its_own_where_progress_counts() {
    let mut world = world(Counts::SinceProgress);
    for id in ["a", "b", "c"] {
        assert!(breaks(&mut world), "before {id}");
        let mut pass = world.pass();
        pass.cursor = std::mem::take(&mut pass.cursor).keyed();
        assert_eq!(pass.replay.failed_tries(), 1);
        world.execute(&mut pass, id, "1");
        assert_eq!(pass.replay.failed_tries(), 0, "what follows {id} is at its first try");
    }
    assert!(breaks(&mut world));
    assert!(!breaks(&mut world), "without a step between them they add up");
    assert!(matches!(world.run().phase, Phase::Finished(Outcome::Failed(_))));
}

#[test]
fn a_step_that_begins_or_fails_once_is_no_progress_and_one_that_fails_for_good_is() {
    let mut world = world(Counts::SinceProgress);
    world.rules.retries = 9;
    assert!(breaks(&mut world));
    let begin = |world: &mut World, id: &str| {
        let mut pass = world.pass();
        pass.cursor = std::mem::take(&mut pass.cursor).keyed();
        let call = if id == "nap" { sleep(id, 10) } else { run(id) };
        world.go(&mut pass, &[call]);
        pass
    };
    begin(&mut world, "nap");
    assert_eq!(world.run().fruitless, 1);
    let mut pass = begin(&mut world, "a");
    world.finish(&mut pass, Err(broken()));
    assert_eq!(world.run().fruitless, 1);
    world.now += 100;
    let mut pass = begin(&mut world, "a");
    world.finish(&mut pass, Err(broken().for_good()));
    assert_eq!((world.run().fruitless, world.run().tries), (0, 1));
}

#[test]
fn a_function_of_the_sandbox_has_its_retries_once_and_the_number_of_a_try_stays() {
    let mut world = world(Counts::All);
    assert!(breaks(&mut world));
    let mut pass = world.pass();
    world.execute(&mut pass, "a", "1");
    assert_eq!(pass.replay.failed_tries(), 1, "a function may decide by it: it is the same in each pass");
    assert!(!breaks(&mut world));
}

proptest! {
    /// However failures and steps follow each other: at most as many failures come between two
    /// settled steps as there are retries, so that a run ends, since its steps are limited.
    #[test]
    fn no_run_fails_for_ever(retries in 0..4u32, acts in prop::collection::vec(any::<bool>(), 1..60)) {
        let mut world = world(Counts::SinceProgress);
        world.rules.retries = retries;
        let (mut row, mut failures, mut steps) = (0, 0, 0);
        for settles in acts {
            if settles {
                let mut pass = world.pass();
                pass.cursor = std::mem::take(&mut pass.cursor).keyed();
                world.execute(&mut pass, &format!("s{steps}"), "1");
                (row, steps) = (0, steps + 1);
                continue;
            }
            let goes_on = breaks(&mut world);
            prop_assert_eq!(goes_on, row < retries);
            if !goes_on {
                break;
            }
            (row, failures) = (row + 1, failures + 1);
            prop_assert_eq!((world.run().fruitless, world.run().tries), (row, failures));
        }
        prop_assert!(failures <= retries * (steps + 1));
    }
}
