/**
 * Spans and moments of time as people write them: `"1h 30m"`, `"2.5 days"`, `90_000`, a `Date`, and
 * the objects of Temporal. All come out in milliseconds.
 */
import { refusal } from "./errors.js";

/** A span: a text such as `"30s"`, `"1h 30m"` or `"2 days"`, milliseconds, or a `Temporal.Duration`. */
export type Duration = string | number | DurationLike;

/** A moment: a `Date`, a text that `Date` reads, milliseconds since 1970, or a Temporal instant. */
export type Moment = Date | string | number | InstantLike;

/** What is used of a `Temporal.Duration`. */
export type DurationLike = { total(unit: { unit: "milliseconds" }): number };

/** What is used of a `Temporal.Instant` or `Temporal.ZonedDateTime`. */
export type InstantLike = { readonly epochMilliseconds: number };

const UNITS: Record<string, number> = {};
for (const [names, millis] of [
  ["ms msec msecs millisecond milliseconds", 1],
  ["s sec secs second seconds", 1_000],
  ["m min mins minute minutes", 60_000],
  ["h hr hrs hour hours", 3_600_000],
  ["d day days", 86_400_000],
  ["w week weeks", 7 * 86_400_000],
  ["y yr yrs year years", 365.25 * 86_400_000],
] as const) {
  for (const name of names.split(" ")) UNITS[name] = millis;
}

/**
 * The span in whole milliseconds, rounded up: nobody waits for less than was asked for.
 * Throws `InvalidDuration`, which no other try would cure.
 */
export function millisOf(span: Duration): number {
  const millis = typeof span === "string" ? parse(span) : typeof span === "number" ? span : total(span);
  if (!Number.isFinite(millis) || millis < 0) {
    throw refusal("InvalidDuration", `\`${String(span)}\` is no duration: it is not a number from 0 on`);
  }
  return Math.ceil(millis);
}

/** The same for a span that may be left out. */
export function optionalMillis(span: Duration | undefined): number | undefined {
  return span === undefined ? undefined : millisOf(span);
}

/** Milliseconds since 1970. Throws `InvalidTime`, which no other try would cure. */
export function momentOf(moment: Moment): number {
  const millis =
    typeof moment === "number"
      ? moment
      : typeof moment === "string"
        ? Date.parse(moment)
        : moment instanceof Date
          ? moment.getTime()
          : moment?.epochMilliseconds;
  if (typeof millis !== "number" || !Number.isFinite(millis)) {
    throw refusal("InvalidTime", `\`${String(moment)}\` is no time (write it like 2026-11-24T13:18:00Z)`);
  }
  // a wait that ended before 1970 has ended all the same
  return Math.max(0, Math.ceil(millis));
}

function total(span: DurationLike): number {
  if (typeof span?.total !== "function") {
    throw refusal("InvalidDuration", `\`${String(span)}\` is no duration (write it like "30s" or "1h 30m")`);
  }
  return span.total({ unit: "milliseconds" });
}

function parse(text: string): number {
  const wrong = (why: string) =>
    refusal("InvalidDuration", `\`${text}\` is no duration: ${why} (write it like 500ms, 30s, 1h 30m, 2 days)`);
  let rest = text.trim();
  if (rest === "") throw wrong("it is empty");
  let sum = 0;
  while (rest !== "") {
    const part = /^(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)\s*/i.exec(rest);
    if (!part) throw wrong("a number comes before each unit");
    const [whole, number = "", unit = ""] = part;
    if (unit === "") throw wrong("it has no unit");
    const one = UNITS[unit.toLowerCase()];
    if (one === undefined) throw wrong(`\`${unit}\` is no unit`);
    sum += Number(number) * one;
    rest = rest.slice(whole.length);
  }
  return sum;
}
