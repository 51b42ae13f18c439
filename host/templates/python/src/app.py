"""A function of two steps, with a wait between them."""

import pawl


@pawl.function(id="{{name}}", event="{{name}}/requested")
def greet(ctx: pawl.Context, step: pawl.Step) -> str:
    greeting = step.run("compose", compose, ctx.event.data["name"])
    step.sleep("wait-a-moment", "1s")
    step.run("send", pawl.log.info, greeting)
    return greeting


def compose(name: str) -> str:
    return f"Hello, {name}!"
