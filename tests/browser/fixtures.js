// What every test gets: a host of its worker's, a browser that is logged in to it, and a
// watch on everything that a page must not do.
import { test as base, expect } from "@playwright/test";
import { Host, SIGNING_KEY } from "./host.js";

export { expect };
export * from "./host.js";

/** Every page that there is, under the name that navigation has for it. */
export const PAGES = {
  Runs: "/",
  Functions: "/functions",
  Events: "/events",
  Webhooks: "/webhooks",
  Metrics: "/charts",
  Alerts: "/alerts",
  Audit: "/audit",
};

/** Who drives a function's `slow` may ask this machine for its upstream. */
const CONFIG = `
[grants."slow"]
hosts = ["127.0.0.1:*"]
`;

export const test = base.extend({
  /** Serves as in production; shared by the tests of a worker, which name what is theirs. */
  host: [
    async ({}, use) => {
      const host = await Host.start({ config: CONFIG });
      await use(host);
      await host.stop();
    },
    { scope: "worker", timeout: 120_000 },
  ],

  baseURL: async ({ host }, use) => use(host.url),

  /** The cookie of a login, made once for the worker. */
  login: [
    async ({ host, browser }, use) => {
      const context = await browser.newContext({ baseURL: host.url });
      const page = await context.newPage();
      await page.goto("/login");
      await logIn(page);
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("Runs");
      const state = await context.storageState();
      await context.close();
      await use(state);
    },
    { scope: "worker" },
  ],

  /** Tests of the login itself set this to `false`. */
  loggedIn: [true, { option: true }],

  storageState: async ({ loggedIn, login }, use) => use(loggedIn ? login : undefined),

  context: async ({ context, host }, use, info) => {
    const watch = new Watch(host.url);
    await watch.over(context);
    context.watch = watch;
    await use(context);
    expect.soft(watch.faults, "what a page must not do").toEqual([]);
    if (info.status !== info.expectedStatus) {
      await info.attach("the host's log", { body: host.log(), contentType: "text/plain" });
    }
  },
});

/** Fills in the form of `/login`. */
export async function logIn(page, key = SIGNING_KEY) {
  await page.getByLabel("Signing key").fill(key);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** Errors, refused content, requests to others: whatever happens is kept here. */
class Watch {
  constructor(origin) {
    this.origin = origin;
    this.faults = [];
    this.allowed = [];
  }

  /** A fault that the test is about. */
  allow(pattern) {
    this.allowed.push(pattern);
  }

  fault(text) {
    if (!this.allowed.some((pattern) => pattern.test(text))) this.faults.push(text);
  }

  async over(context) {
    context.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) {
        this.fault(`console: ${message.text()} (${message.location().url})`);
      }
    });
    context.on("weberror", (error) => this.fault(`script: ${error.error()}`));
    context.on("request", (request) => {
      const url = new URL(request.url());
      if (url.protocol !== "data:" && url.origin !== this.origin) this.fault(`request to ${url}`);
    });
    context.on("requestfailed", (request) => {
      // a page that is left takes its requests with it
      const why = request.failure()?.errorText;
      if (why !== "net::ERR_ABORTED") this.fault(`request: ${request.url()}: ${why}`);
    });
    context.on("response", (response) => {
      if (response.status() >= 400) this.fault(`answer: ${response.status()} ${response.url()}`);
    });
    await context.exposeBinding("toldOfViolation", (_, text) => this.fault(`CSP: ${text}`));
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (e) => {
        window.toldOfViolation(`${e.violatedDirective}: ${e.blockedURI}`);
      });
    });
  }
}

/** Fills in a list's filters and asks for what they say. */
export async function filter(page, values) {
  const form = page.locator("form.filters");
  const field = (label) => form.getByLabel(label, { exact: true });
  const isChoice = ([label]) => ["Status", "Function"].includes(label);
  // a choice is asked for by itself, with what is typed
  const [chosen, typed] = [Object.entries(values).filter(isChoice), Object.entries(values).filter((v) => !isChoice(v))];
  for (const [label, value] of typed) await field(label).fill(value);
  for (const [label, value] of chosen) await field(label).selectOption(value);
  if (typed.length > 0) await field("Search").press("Enter");
  const wanted = Object.values(values).filter(Boolean);
  await expect(page).toHaveURL((url) => wanted.every((value) => [...url.searchParams.values()].includes(value)));
}

/** Which entry of a page's own history of loads this is: the same as long as nobody reloads. */
export async function mark(page) {
  await page.evaluate(() => (window.isStillHere = true));
  return async () => expect(await page.evaluate(() => window.isStillHere), "no reload").toBe(true);
}

/** The row of a table for this run. */
export function runRow(page, id) {
  return page.getByRole("row").filter({ has: page.locator(`a[href$="/runs/${id}"]`) });
}

/** The menu. */
export function menu(page) {
  return page.getByRole("navigation", { name: "Pages" });
}

/** A link to this run. */
export function runLink(at, id) {
  return at.locator(`main a[href$="/runs/${id}"]`).first();
}

/** Opens all that can be opened. */
export async function openAll(page) {
  await page.evaluate(() => document.querySelectorAll("main details").forEach((details) => (details.open = true)));
}

/** What a page says of what was just done. */
export function flash(page) {
  return page.getByRole("main").getByRole("status");
}

/** Where an action asks first, says yes. */
export async function confirmed(page, name) {
  const dialog = page.getByRole("dialog");
  const asks = await dialog.waitFor({ timeout: 1_000 }).then(() => true, () => false);
  if (asks) await dialog.getByRole("button", { name, exact: true }).click();
}

/** The status of the run that the page is about. */
export function status(page) {
  return page.getByTestId("run-status");
}
