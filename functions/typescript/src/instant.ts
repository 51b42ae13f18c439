/**
 * InstantDB as the place of subscriptions, through its HTTP admin API.
 *
 * It has no idempotency keys: the write itself is idempotent. `update` would create a row for an id that nobody
 * has, and an id from a session is not to be trusted that far, so the update is strict. Its answers are never
 * repeated as they are: an error's `hint` may hold the admin token.
 */
import { NonRetriableError, RetryAfterError, secret, settings } from "pawl";
import * as z from "zod";
import type { Subscription } from "./subscription.js";

/** Where the admin API is when nobody says otherwise. */
const CLOUD = "https://api.instantdb.com";

/** The table of the app's users, whose `id` is the user's. */
const USERS = "users";

/** How long one request may take, in milliseconds. */
const TIMEOUT = 30_000;

/** An InstantDB app. */
export type App = { id: string; api: string };

/** The app that the operator has set, if there is one. */
export async function appFromSettings(): Promise<App | undefined> {
  const set = async (name: string) => (await settings.get(name))?.trim() || undefined;
  const id = await set("INSTANT_APP_ID");
  if (id === undefined) return undefined;
  return { id, api: ((await set("INSTANT_API_URI")) ?? CLOUD).replace(/\/+$/, "") };
}

/** Writes the subscription of a user who exists; gives the place's name. */
export async function updateUser(app: App, userId: string, subscription: Subscription): Promise<string> {
  const url = `${app.api}/admin/transact`;
  const request = {
    method: "POST",
    headers: {
      "App-Id": app.id,
      Authorization: `Bearer ${secret("INSTANT_ADMIN_TOKEN")}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify(transaction(userId, subscription)),
    signal: AbortSignal.timeout(TIMEOUT),
  };
  const answer = await fetch(url, request).catch((error: Error) => {
    throw unanswered(url, error);
  });
  if (!answer.ok) throw await refused(url, answer, userId);
  // whoever answers otherwise is no InstantDB
  if (!Done.safeParse(await answer.json().catch(() => null)).success) {
    throw named(
      "HttpUnexpectedBody",
      new Error(`${placeOf(url)} answered with something else than a transaction's id`),
    );
  }
  return "instantdb";
}

/** The answer to a transaction. */
const Done = z.object({ "tx-id": z.unknown() }).refine((done) => "tx-id" in done);

/** The parts of an error that may be repeated. */
const Refusal = z.object({ type: z.string(), message: z.string().default("") });

/** The body of the request: one strict update. */
export function transaction(userId: string, subscription: Subscription): object {
  if (!isEntity(userId)) {
    throw new NonRetriableError(
      'the session\'s user id is neither a UUID nor a lookup (`lookup__attribute__"value"`): ' +
        "InstantDB knows its users by nothing else",
    );
  }
  return { steps: [["update", USERS, userId, subscription, { upsert: false }]] };
}

/** Whether InstantDB takes this as an entity's id. */
export function isEntity(id: string): boolean {
  const value = /^lookup__.+?__(.*)$/s.exec(id)?.[1];
  if (value === undefined) return isUuid(id);
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}

function isUuid(id: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(id);
}

/** The host's refusal stays as it is; trouble on the way is worth another try. */
function unanswered(url: string, error: Error): Error {
  const code = "code" in error ? error.code : undefined;
  if (code === "denied" || code === "invalid") return error;
  return named("HttpNetwork", new Error(`${placeOf(url)}: ${error.message}`));
}

/**
 * The error for an answer that is no success: trouble of the server is worth another try, a refusal is not.
 */
async function refused(url: string, answer: Response, userId: string): Promise<Error> {
  const { status } = answer;
  if (![408, 425, 429].includes(status) && status < 500) {
    return finalError(status, await answer.json().catch(() => null), userId);
  }
  const message = `InstantDB: ${placeOf(url)} answered ${status}`;
  const seconds = answer.headers.get("retry-after")?.trim() ?? "";
  const isNumber = /^\d+$/.test(seconds);
  const error = isNumber ? new RetryAfterError(message, Number(seconds) * 1_000) : new Error(message);
  return Object.assign(named("HttpStatus", error), { data: { status } });
}

/** What another try would not cure, and what to check. */
export function finalError(status: number, body: unknown, userId: string): Error {
  const refusal = Refusal.safeParse(body);
  if (!refusal.success) return new NonRetriableError(`InstantDB answered ${status}: check INSTANT_API_URI`);
  const { type, message } = refusal.data;
  switch (type) {
    case "validation-failed": {
      // a lookup may hold an address
      const user = isUuid(userId) ? userId : "of this lookup";
      const why = `InstantDB has no user ${user}, or its schema refuses the values: ${message}`;
      return named("UnknownUser", new NonRetriableError(why));
    }
    case "record-not-found":
      return new NonRetriableError(
        `InstantDB refused the app (${message}): check INSTANT_APP_ID and INSTANT_ADMIN_TOKEN`,
      );
    default:
      return new NonRetriableError(`InstantDB refused: ${message} (${type})`);
  }
}

function named<E extends Error>(name: string, error: E): E {
  error.name = name;
  return error;
}

/** Method and host, for messages: a path may hold what does not belong into a log. */
function placeOf(url: string): string {
  return `POST ${new URL(url).host}`;
}
