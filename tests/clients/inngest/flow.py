# The app of flow.js, on PyPI's `inngest`. Serves at a free port and prints its address; ends with
# its standard input.
import datetime
import logging
import os
import sys
import threading
import urllib.request

import flask
import inngest
import inngest.flask
import werkzeug.serving

logging.getLogger("werkzeug").setLevel(logging.ERROR)
client = inngest.Inngest(app_id="flow", is_production=os.environ.get("INNGEST_DEV") in (None, "0"))
functions = []


def seconds(n):
    return datetime.timedelta(seconds=n)


def on(fn_id, handler, trigger=None, **options):
    trigger = trigger or inngest.TriggerEvent(event=f"flow/{fn_id}")
    functions.append(client.create_function(fn_id=fn_id, trigger=trigger, **options)(handler))


def echo(ctx: inngest.ContextSync):
    return ctx.event.data


def together(ctx: inngest.ContextSync):
    return [event.data for event in ctx.events]


def name(ctx: inngest.ContextSync):
    return ctx.event.name


def tick(ctx: inngest.ContextSync):
    return {"name": ctx.event.name, "cron": ctx.event.data["cron"]}


def call(ctx: inngest.ContextSync):
    def asks():
        if "url" in ctx.event.data:
            urllib.request.urlopen(ctx.event.data["url"]).read()
        return ctx.event.data

    return ctx.step.run("call", asks)


def rest(ctx: inngest.ContextSync):
    ctx.step.sleep("rest", seconds(1 if ctx.event.data.get("rest") else 3600))
    return ctx.event.data


key = "event.data.user"
# without it the SDK asks for a burst of 1
on("throttled", echo, throttle=inngest.Throttle(limit=1, period=seconds(1), key=key, burst=0))
on("rate-limited", echo, rate_limit=inngest.RateLimit(limit=1, period=seconds(3600), key=key))
on("idempotent", echo, idempotency="event.data.id")
on("debounced", echo, debounce=inngest.Debounce(period=seconds(1), timeout=seconds(10), key=key))
on("batched", together, batch_events=inngest.Batch(max_size=3, timeout=seconds(2), key=key))
on("in-turn", call, concurrency=[inngest.Concurrency(limit=1, key=key)])
on("prioritised", call, concurrency=[inngest.Concurrency(limit=1)], priority=inngest.Priority(run="event.data.p"))
on("single-skip", rest, singleton=inngest.Singleton(key=key, mode="skip"))
on("single-cancel", rest, singleton=inngest.Singleton(key=key, mode="cancel"))
on("late-start", call, concurrency=[inngest.Concurrency(limit=1)], timeouts=inngest.Timeouts(start=seconds(1)))
on("long-run", rest, timeouts=inngest.Timeouts(finish=seconds(1)))
on(
    "cancelled",
    rest,
    cancel=[
        inngest.Cancel(event="flow/stop", if_exp="event.data.user == async.data.user"),
        inngest.Cancel(event="flow/stop-if", if_exp="async.data.n > event.data.n", timeout=seconds(3600)),
    ],
)
on(
    "filtered",
    name,
    trigger=[
        inngest.TriggerEvent(event="flow/filtered", expression="event.data.n > 1"),
        inngest.TriggerEvent(event="flow/also"),
    ],
)
if sys.argv[1:] == ["cron"]:
    on("timed", tick, trigger=inngest.TriggerCron(cron="@every 1s"))

app = flask.Flask(__name__)
inngest.flask.serve(app, client, functions)
server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
print(f"http://127.0.0.1:{server.server_port}/api/inngest", flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
