/** Checkouts: what a session says, and where the subscription goes. */
import { TestRun } from "pawl/test";
import { expect, test } from "vitest";
import { validate } from "../src/checkout.js";
import { processCheckoutCompleted } from "../src/index.js";
import { finalError, isEntity, transaction } from "../src/instant.js";
import { USER, objects } from "./fixtures.js";

const APP = { INSTANT_APP_ID: "app", INSTANT_API_URI: "https://instant.example/" };

function checkOut(session: unknown, options: Parameters<typeof TestRun.of>[1] = {}) {
  return TestRun.of(processCheckoutCompleted, {
    event: { id: "evt_1", data: { session }, ts: 1_793_000_008_000 },
    ...options,
  });
}

test("a paid session activates its user in the key-value store, and keeps nothing about the person", async () => {
  const run = await checkOut(objects.subscription);
  const { id: sessionId, customer, subscription } = objects.subscription;
  expect(run.steps.map((step) => step.id)).toEqual([
    "validate-session",
    "update-subscription",
    "log-payment-success",
  ]);
  expect(run.output).toEqual({ completed: true, activated: true, userId: USER, sessionId, store: "key-value" });
  expect(run.kv).toEqual({
    [`user:${USER}`]: {
      subscriptionStatus: "active",
      stripeCustomerId: customer,
      stripeSubscriptionId: subscription,
      lastSessionId: sessionId,
      updatedAt: "2026-10-26T07:33:28.000Z",
    },
  });
  expect(run.logs).toEqual([
    {
      level: "info",
      message: "subscription activated",
      fields: { session: sessionId, user: USER, store: "key-value" },
      step: "log-payment-success",
    },
  ]);
  const kept = JSON.stringify([run.steps, run.kv]);
  for (const word of ["@", "Rosen", "secret"]) expect(kept).not.toContain(word);
});

test("an id that the session does not have leaves the one there is", async () => {
  const session = { id: "cs_1", client_reference_id: "u", payment_status: "paid", customer: { id: "cus_2" } };
  const kv = { "user:u": { stripeCustomerId: "cus_1", stripeSubscriptionId: "sub_1", odd: 1 } };
  const run = await checkOut(session, { kv });
  expect(run.kv["user:u"]).toMatchObject({
    stripeCustomerId: "cus_2",
    stripeSubscriptionId: "sub_1",
    lastSessionId: "cs_1",
  });
  expect(run.kv["user:u"]).not.toHaveProperty("odd");
});

test("an unpaid session activates nothing until its payment succeeds", async () => {
  const unpaid = await checkOut(objects.unpaid);
  expect(unpaid.output).toMatchObject({ completed: true, activated: false, reason: "unpaid" });
  expect([unpaid.steps.length, unpaid.kv]).toEqual([1, {}]);
  expect((await checkOut(objects.asyncSucceeded)).output.activated).toBe(true);
});

test("free activates and setup does not", () => {
  const session = { id: "cs_1", client_reference_id: "u", payment_status: "no_payment_required" };
  expect(validate({ ...session, mode: "subscription" }).verdict).toBe("activate");
  expect(validate({ ...session, mode: "setup" }).verdict).toBe("setup");
});

test("the client reference wins over the metadata", () => {
  const user = (session: object) => validate({ id: "cs_1", payment_status: "paid", ...session }).userId;
  expect(user({ client_reference_id: " a ", metadata: { userId: "b" } })).toBe("a");
  expect(user({ client_reference_id: " ", metadata: { userId: "b", other: 1 } })).toBe("b");
  for (const metadata of [null, {}, { userId: "" }, { userId: 7 }]) {
    expect(() => user({ client_reference_id: null, metadata })).toThrow("names no user");
  }
});

test("a session without what is needed fails for good with a sentence", async () => {
  const cases: [unknown, string][] = [
    [undefined, "the event carries no session"],
    [[], "the event carries no session"],
    [{}, "the session has no id"],
    [{ id: "cs_1", payment_status: "paid" }, "session cs_1 names no user"],
    [{ id: "cs_1", client_reference_id: "u" }, "session cs_1 has no payment_status"],
    [{ id: "cs_1", client_reference_id: "u", payment_status: "odd" }, "payment_status `odd`"],
    [{ id: 7 }, "the session is not as Stripe's are: id: "],
  ];
  for (const [session, why] of cases) {
    const run = await checkOut(session);
    expect(run.error).toMatchObject({ name: "NonRetriableError", message: expect.stringContaining(why) });
    expect(run.steps[0]?.attempts).toBe(1);
  }
});

test("with an InstantDB app the user is updated there in one strict step", async () => {
  const seen: [string, string | null, any][] = [];
  const run = await checkOut(objects.subscription, {
    settings: APP,
    fetch: async (request) => {
      seen.push([request.url, request.headers.get("authorization"), await request.json()]);
      return { body: { "tx-id": 1 } };
    },
  });
  expect(run.output.store).toBe("instantdb");
  const [[url, authorization, body]] = seen as [(typeof seen)[0]];
  expect([seen.length, url]).toEqual([1, "https://instant.example/admin/transact"]);
  expect(authorization).toBe("Bearer {secret:INSTANT_ADMIN_TOKEN}");
  expect(body.steps[0].slice(0, 3)).toEqual(["update", "users", USER]);
  expect(body.steps[0][4]).toEqual({ upsert: false });
});

test("trouble of the database is sat out, no sooner than it says", async () => {
  const troubles = [{ status: 500 }, { status: 429, headers: { "retry-after": "300" } }];
  const run = await checkOut(objects.subscription, {
    settings: APP,
    fetch: () => troubles.shift() ?? { body: { "tx-id": 1 } },
  });
  expect([run.output.activated, run.steps[1]?.attempts, run.slept]).toEqual([true, 3, 15_000 + 300_000]);
});

test("what stays in trouble, is absent, or is no InstantDB fails after four tries", async () => {
  const cases = [
    [() => ({ status: 503 }), "HttpStatus", "InstantDB: POST instant.example answered 503"],
    [
      () => Promise.reject(new TypeError("fetch failed: refused")),
      "HttpNetwork",
      "POST instant.example: fetch failed: refused",
    ],
    [() => ({ body: "<html>" }), "HttpUnexpectedBody", "something else than a transaction's id"],
  ] as const;
  for (const [fetch, name, message] of cases) {
    const run = await checkOut(objects.subscription, { settings: APP, fetch });
    expect(run.error).toMatchObject({ name, message: expect.stringContaining(message) });
    expect(run.steps[1]?.attempts).toBe(4);
  }
});

test("a refusal is final and says what to check, and nothing of the hint", () => {
  const hint = { args: ["token-7"] };
  const unknown = { type: "validation-failed", message: "Validation failed", hint };
  const app = { type: "record-not-found", message: "Record not found", hint };
  const closed = { type: "app-read-only", message: "This app is read-only" };
  const cases: [Error, string, string][] = [
    [finalError(400, unknown, USER), "UnknownUser", USER],
    [finalError(400, unknown, 'lookup__email__"a@b.c"'), "UnknownUser", "no user of this lookup"],
    [finalError(400, app, USER), "NonRetriableError", "INSTANT_ADMIN_TOKEN"],
    [finalError(400, closed, USER), "NonRetriableError", "read-only (app-read-only)"],
    [finalError(400, null, USER), "NonRetriableError", "answered 400: check INSTANT_API_URI"],
  ];
  for (const [error, name, part] of cases) {
    expect([error.name, error.message]).toEqual([name, expect.stringContaining(part)]);
    expect(error.message).not.toContain("token-7");
  }
});

test("only a UUID or a lookup names a user", () => {
  const ids = [USER, USER.toUpperCase(), 'lookup__email__"a@b.c"', "lookup__number__7"];
  for (const id of ids) expect(isEntity(id), id).toBe(true);
  for (const id of ["user_1", USER.replaceAll("-", ""), "lookup__email__a@b.c", "lookup____1", "", "----"]) {
    expect(isEntity(id), id).toBe(false);
    expect(() => transaction(id, {} as never)).toThrow("neither a UUID nor a lookup");
  }
});
