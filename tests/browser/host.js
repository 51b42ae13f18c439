// A `pawl` of its own: started in a new folder, given events as its senders give them,
// asked over its API, stopped.
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import Stripe from "stripe";

export const SIGNING_KEY = "signing-key-of-the-tests";
const EVENT_KEY = "event-key-of-the-tests";
const STRIPE_SECRET = "whsec_test_secret_of_this_endpoint";

export const repository = process.env.PAWL_REPOSITORY ?? path.resolve(import.meta.dirname, "../..");
const stripe = new Stripe("sk_test_unused");

// the seed's functions, and those that can go in every way
const FUNCTIONS = [
  "functions/process-checkout-completed",
  "functions/process-payment-succeeded",
  "functions/process-payment-failed",
  "guests-wasm/steps",
  "guests-wasm/shop",
];

/** Asks until the answer is something, or the patience is over. */
export async function until(what, ask, patience = 20_000) {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export class Host {
  /** `mode` is pawl's command: `serve`, or `dev` without a login. */
  static async start({ mode = "serve", env = {}, config = "", functions = FUNCTIONS } = {}) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "pawl-browser-"));
    const offered = path.join(folder, "functions");
    fs.mkdirSync(offered);
    const long_ago = new Date(Date.now() - 3_600_000);
    for (const name of functions) {
      const file = path.join(offered, `${path.basename(name)}.wasm`);
      fs.copyFileSync(path.join(repository, "target", `${name}.wasm`), file);
      // a host waits for fresh files to settle
      fs.utimesSync(file, long_ago, long_ago);
    }
    fs.writeFileSync(path.join(folder, "pawl.toml"), config);
    const keys =
      mode === "serve" ? { INNGEST_EVENT_KEY: EVENT_KEY, INNGEST_SIGNING_KEY: SIGNING_KEY } : {};
    const log = fs.openSync(path.join(folder, "log"), "a");
    const child = spawn(process.env.PAWL_BIN, [mode, "--addr", "127.0.0.1:0"], {
      cwd: folder,
      stdio: ["ignore", log, log],
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        PAWL_DATA: path.join(folder, "data"),
        PAWL_FUNCTIONS: offered,
        PAWL_RETRY_INTERVAL: "300ms",
        STRIPE_WEBHOOK_SECRET: STRIPE_SECRET,
        // compiled once, and not for each worker
        PAWL_CACHE: path.join(import.meta.dirname, "compiled"),
        ...keys,
        ...env,
      },
    });
    fs.closeSync(log);
    // nobody else ends it when these tests are ended
    process.once("exit", () => child.kill("SIGKILL"));
    const host = new Host(folder, child);
    const address = path.join(folder, "data", "addr");
    try {
      await until("the host", async () => {
        if (child.exitCode !== null) throw new Error(`the host ended: ${child.exitCode}`);
        if (!fs.existsSync(address)) return false;
        host.url = `http://${fs.readFileSync(address, "utf8").trim()}`;
        return (await fetch(`${host.url}/readyz`).catch(() => null))?.ok;
      }, 60_000);
    } catch (e) {
      throw new Error(`${e.message}\n${host.log()}`);
    }
    return host;
  }

  constructor(folder, child) {
    this.folder = folder;
    this.child = child;
  }

  log() {
    return fs.readFileSync(path.join(this.folder, "log"), "utf8");
  }

  async stop() {
    if (this.child.exitCode === null) {
      this.child.kill("SIGKILL");
      await once(this.child, "exit");
    }
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  /** Sends an event to the event API; its id. */
  async send(name, data = {}, more = {}) {
    const answer = await fetch(`${this.url}/e/${EVENT_KEY}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name, data, ...more }),
    });
    const body = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(body));
    return body.ids[0];
  }

  /** Delivers a recorded webhook, signed as Stripe signs; the answer. */
  async deliver(fixture, { id, change = () => {}, secret = STRIPE_SECRET } = {}) {
    const file = path.join(repository, "tests/fixtures/stripe", `${fixture}.json`);
    const event = JSON.parse(fs.readFileSync(file, "utf8"));
    if (id) event.id = id;
    change(event.data.object);
    const payload = JSON.stringify(event, null, 2);
    return fetch(`${this.url}/api/stripe/webhook`, {
      method: "POST",
      headers: {
        "content-type": "application/json; charset=utf-8",
        "stripe-signature": stripe.webhooks.generateTestHeaderString({ payload, secret }),
      },
      body: payload,
    });
  }

  /** What is under `data` of an answer of `/v1`. */
  async get(path) {
    const answer = await fetch(this.url + path, { headers: { authorization: `Bearer ${SIGNING_KEY}` } });
    const body = await answer.json();
    if (!answer.ok) throw new Error(`${path}: ${JSON.stringify(body)}`);
    return body.data;
  }

  /** The event's run once it has this status. */
  async run(event, status) {
    return until(`the run of ${event} to be ${status}`, async () => {
      const runs = await this.get(`/v1/events/${event}/runs`);
      return runs.find((run) => run.status === status);
    });
  }

  /** Sends an event, and waits for its run to have this status; the run. */
  async made(name, data, status, more) {
    return this.run(await this.send(name, data, more), status);
  }
}

/** A server that functions ask: each request waits for `answer`. */
export class Upstream {
  static async start() {
    const upstream = new Upstream();
    upstream.waiting = [];
    upstream.server = http.createServer((_, response) => upstream.waiting.push(response));
    upstream.server.listen(0, "127.0.0.1");
    await once(upstream.server, "listening");
    upstream.url = `http://127.0.0.1:${upstream.server.address().port}/stock`;
    return upstream;
  }

  async next() {
    return until("a request", () => this.waiting.shift());
  }

  /** Answers the next request that came or comes. */
  async answer(status, body) {
    const response = await this.next();
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }

  /** Hangs up on the next one. */
  async drop() {
    (await this.next()).destroy();
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
