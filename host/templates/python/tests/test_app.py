from app import greet
from pawl import testing


def test_the_greeting_is_sent_a_moment_after_it_was_composed() -> None:
    run = testing.run(greet, event={"data": {"name": "Ada"}})
    assert run.output == "Hello, Ada!"
    assert run.slept == {"wait-a-moment": 1_000}
    assert list(run.steps) == ["compose", "wait-a-moment", "send"]
