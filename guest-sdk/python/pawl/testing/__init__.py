"""Tests of functions without a host: the real SDK on a small host in virtual time.

    from pawl import testing

    def test_an_order_is_shipped():
        run = testing.run(ship, event={"data": {"order": "o1"}}, steps={"label": {"id": 1}})
        assert run.output == {"label": {"id": 1}}
        assert run.slept == {"wait for pickup": 3_600_000}

Sleeps and waits take no time. As on a host the function begins again from its start after each
wait and each failed try, with the settled steps answered as they were: one that then asks for
other steps is told of (:class:`NonDeterministic`), as it is at the end by one more pass.

What the kit has not: time limits, limits of size, parallel instances, CEL (but for ``match``),
and a frozen clock outside of steps (``ctx.now`` is the same in each pass).
"""

from ._kit import run
from ._mock import fails, response
from ._result import Log, NonDeterministic, Result, StepResult

__all__ = ["Log", "NonDeterministic", "Result", "StepResult", "fails", "response", "run"]
