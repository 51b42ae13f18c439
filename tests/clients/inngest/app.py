# The app of app.js, on PyPI's `inngest`. Serves at a free port and prints its address; ends with
# its standard input.
import collections
import datetime
import logging
import os
import sys
import threading

import flask
import inngest
import inngest.flask
import werkzeug.serving
from inngest.experimental import ai

logging.getLogger("werkzeug").setLevel(logging.ERROR)
client = inngest.Inngest(app_id="shop", is_production=os.environ.get("INNGEST_DEV") in (None, "0"))
counts = collections.Counter()


def count(key):
    counts[key] += 1
    return counts[key]


def on(event, **options):
    return client.create_function(
        fn_id=options.pop("id", event.split("/")[1]),
        trigger=inngest.TriggerEvent(event=event),
        **options,
    )


@on("shop/plain", name="Plain")
def plain(ctx: inngest.ContextSync):
    step = ctx.step
    passes = count(f"{ctx.run_id}-passes")
    a = step.run("a", lambda: f"{ctx.event.data['word']}-a{count(ctx.run_id)}")
    b = step.run("b", lambda: {"from": a, "n": 1.5, "none": None})
    return {"b": b, "attempt": ctx.attempt, "calls": counts[ctx.run_id], "passes": passes}


@on("shop/loop")
def loop(ctx: inngest.ContextSync):
    return [ctx.step.run("again", lambda n=n: n * 10) for n in range(3)]


@on("shop/nap")
def nap(ctx: inngest.ContextSync):
    ctx.step.sleep("short", datetime.timedelta(seconds=1))
    ctx.step.sleep_until("until", datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=0.5))
    return "rested"


@on("shop/wait")
def wait(ctx: inngest.ContextSync):
    step = ctx.step
    came = step.wait_for_event(
        "payment",
        event="shop/paid",
        timeout=datetime.timedelta(minutes=1),
        if_exp="event.data.order == async.data.order",
    )
    none = step.wait_for_event("never", event="shop/never", timeout=datetime.timedelta(seconds=1))
    return {"name": came.name, "data": came.data, "none": none}


@on("shop/parallel")
def parallel(ctx: inngest.ContextSync):
    step = ctx.step
    pair = ctx.group.parallel((lambda: step.run("p1", lambda: 1), lambda: step.run("p2", lambda: 2)))
    return [list(pair), step.run("after", lambda: "after")]


@on("shop/flaky", retries=3)
def flaky(ctx: inngest.ContextSync):
    step = ctx.step
    first = step.run("first", lambda: "kept")

    def fails():
        n = count(f"{ctx.run_id}-flaky")
        if n < 3:
            raise Exception(f"try {n}")
        return n

    return {"first": first, "n": step.run("flaky", fails)}


@on("shop/later", retries=1)
def later(ctx: inngest.ContextSync):
    def fails():
        if count(f"{ctx.run_id}-later") == 1:
            raise inngest.RetryAfterError("not yet", datetime.timedelta(seconds=2))
        return "now"

    return ctx.step.run("later", fails)


@on("shop/outside", retries=2)
def outside(ctx: inngest.ContextSync):
    kept = ctx.step.run("kept", lambda: count(f"{ctx.run_id}-kept"))
    if ctx.attempt < 2:
        raise Exception(f"function try {ctx.attempt}")
    return {"kept": kept, "attempt": ctx.attempt}


def on_failure(ctx: inngest.ContextSync):
    data = ctx.event.data
    ctx.step.run("tell", lambda: f"{data['function_id']}: {data['error']['message']}")


@on("shop/fatal", retries=3, on_failure=on_failure)
def fatal(ctx: inngest.ContextSync):
    def boom():
        raise inngest.NonRetriableError("never again")

    ctx.step.run("boom", boom)


@on("shop/caught", retries=0)
def caught(ctx: inngest.ContextSync):
    def boom():
        raise Exception("caught me")

    try:
        ctx.step.run("boom", boom)
    except inngest.StepError as error:
        message = error.message
        return ctx.step.run("mend", lambda: f"mended: {message}")


@on("shop/callee")
def callee(ctx: inngest.ContextSync):
    return ctx.step.run("twice", lambda: ctx.event.data["n"] * 2)


@on("shop/caller")
def caller(ctx: inngest.ContextSync):
    data = ctx.event.data
    twice = ctx.step.invoke("call", function=callee, data={"n": 21})
    sandboxed = None
    if data.get("wasm"):
        # the SDK puts the app's name before a function's id
        sandboxed = ctx.step.invoke_by_id(
            "sandbox", app_id=data["app"], function_id=data["wasm"], data=data["input"]
        )
    return {"twice": twice, "sandboxed": sandboxed}


@on("shop/send")
def send(ctx: inngest.ContextSync):
    return ctx.step.send_event(
        "tell",
        [inngest.Event(name="shop/told", data={"n": 1}), inngest.Event(name="shop/told", data={"n": 2})],
    )


@on("shop/large")
def large(ctx: inngest.ContextSync):
    return [len(ctx.step.run(f"large-{n}", lambda n=n: str(n) * 2_000_000)) for n in range(3)]


# no model has this key
MODEL_KEY = "sk-0123456789abcdef0123456789abcdef"


@on("shop/infer", retries=2)
def infer(ctx: inngest.ContextSync):
    vendor = {"openai": ai.openai, "anthropic": ai.anthropic}[ctx.event.data["vendor"]]
    adapter = vendor.Adapter(auth_key=MODEL_KEY, base_url=ctx.event.data["url"], model="parrot")
    return ctx.step.ai.infer("ask", adapter=adapter, body={"messages": [{"role": "user", "content": "hi"}]})


app = flask.Flask(__name__)
functions = [plain, loop, nap, wait, parallel, flaky, later, outside, fatal, caught, callee, caller, send, large, infer]
inngest.flask.serve(app, client, functions)
server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
print(f"http://127.0.0.1:{server.server_port}/api/inngest", flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
