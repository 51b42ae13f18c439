/**
 * The event loop: timers, requests under way, and the steps of the run. The engine calls `tick`
 * whenever no job is left and the function has not ended; each call does one thing that may settle
 * a promise, in an order that every pass of a run repeats.
 */
import { type HttpRequest, type HttpResult, native } from "./native.js";

/** How the SDK's scheduler takes part. */
export interface Steps {
  /** Whether a step's own code is being executed. */
  executing(): boolean;
  /** Asks the host for the steps that were called. False: there are none. */
  flush(): boolean;
}

let steps: Steps | undefined;

/** Puts the run's steps into the loop; those of an earlier run give way. */
export function registerSteps(theirs: Steps): void {
  steps = theirs;
}

/**
 * The loop's own time, in milliseconds: it goes on with the real time while a step's code is
 * executed, and else only by the timers that fire, so that a replay sees the same order.
 */
let elapsed = 0;
let lastReal: number | undefined;

let outside = 0;

/** A step's code begins: the time that passes in it is its own, since a replay goes without it. */
export function stepBegins(): void {
  outside = elapsed;
}

/** The step's code has ended: the loop is where it was before. */
export function stepEnds(): void {
  elapsed = outside;
  lastReal = undefined;
}

/** The loop's time, brought up to now. */
export function loopTime(): number {
  if (steps?.executing()) {
    const real = native().now();
    if (lastReal !== undefined && real > lastReal) elapsed += real - lastReal;
    lastReal = real;
  } else {
    lastReal = undefined;
  }
  return elapsed;
}

/** What `setTimeout` gives. A number where one is wanted, as in browsers; an object as in Node. */
export class Timeout {
  /** Loop time at which it fires. */
  due = 0;
  /** Whether something may wait for it: a timer without that fires only beside others. */
  referenced = true;

  constructor(
    readonly id: number,
    readonly callback: () => void,
    readonly delay: number,
    readonly repeats: boolean,
    /** Made by a step's own code. */
    readonly inside: boolean,
    /** How many timers, each set after the one before had fired, led to this one. */
    readonly nesting: number,
  ) {}

  ref(): this {
    this.referenced = true;
    return this;
  }

  unref(): this {
    this.referenced = false;
    return this;
  }

  hasRef(): boolean {
    return this.referenced;
  }

  refresh(): this {
    remove(this);
    insert(this);
    return this;
  }

  [Symbol.toPrimitive](): number {
    return this.id;
  }
}

/** The timers that are set, by their time and then their order. */
const timers: Timeout[] = [];
let lastId = 0;
/** The nesting of the timer that fired last, until the next tick. */
let nesting = 0;

function insert(timer: Timeout): void {
  timer.due = loopTime() + timer.delay;
  const after = timers.findLastIndex((other) => other.due <= timer.due);
  timers.splice(after + 1, 0, timer);
}

function remove(timer: Timeout): void {
  const place = timers.indexOf(timer);
  if (place >= 0) timers.splice(place, 1);
}

/** HTML's rule: from the sixth timer in a row on, each waits at least 4 ms. So a function that polls
 * with `setTimeout(…, 0)` does not keep its steps from being asked for. */
const NESTING_LIMIT = 5;
const NESTED_DELAY = 4;

/** Sets a timer; `delay` in milliseconds, anything that is no number counts as 0. */
export function setTimer(callback: () => void, delay: unknown, repeats: boolean): Timeout {
  let millis = Number(delay);
  // more than Node and browsers can wait fires at once there, too
  if (!(millis > 0) || millis > 2 ** 31 - 1) millis = 0;
  if (repeats) millis = Math.max(millis, 1);
  if (nesting >= NESTING_LIMIT) millis = Math.max(millis, NESTED_DELAY);
  const timer = new Timeout(++lastId, callback, millis, repeats, steps?.executing() ?? false, nesting + 1);
  insert(timer);
  return timer;
}

/** Takes a timer back, by what `setTimer` gave or by its number. */
export function clearTimer(which: unknown): void {
  const timer = which instanceof Timeout ? which : timers.find((set) => set.id === Number(which));
  if (timer) remove(timer);
}

/** A request that goes out at the next tick, together with all others. */
export interface Sending {
  request: HttpRequest;
  settle(result: HttpResult): void;
}

const sendings: Sending[] = [];

export function send(sending: Sending): void {
  sendings.push(sending);
}

/** Takes a request back that has not gone out yet. */
export function unsend(sending: Sending): void {
  const place = sendings.indexOf(sending);
  if (place >= 0) sendings.splice(place, 1);
}

function sendAll(): boolean {
  if (sendings.length === 0) return false;
  const batch = sendings.splice(0);
  const results = native().send(batch.map((sending) => sending.request));
  batch.forEach((sending, place) => {
    const result = results[place];
    if (result) sending.settle(result);
  });
  return true;
}

/** What may fire now: a step's code hears the timers that it set itself, as a replay, in which it does
 * not run, has the others fire after it; the others only if nothing else could go on. */
function candidates(executing: boolean): Timeout[] {
  const own = executing ? timers.filter((timer) => timer.inside) : timers;
  const waited = own.length > 0 ? own : timers;
  return waited.some((timer) => timer.referenced) ? waited : [];
}

function fire(timer: Timeout): void {
  remove(timer);
  elapsed = Math.max(elapsed, timer.due);
  nesting = timer.nesting;
  if (timer.repeats) insert(timer);
  try {
    timer.callback();
  } catch (error) {
    // nobody can catch it: told as a rejection that nobody took
    void Promise.reject(error);
  }
}

/** Does the next thing that may settle a promise. False: there is none. */
export function tick(): boolean {
  nesting = 0;
  if (sendAll()) return true;
  const now = loopTime();
  const executing = steps?.executing() ?? false;
  const [next] = candidates(executing);
  if (next && next.due <= now) {
    fire(next);
    return true;
  }
  if (!executing && steps?.flush()) return true;
  if (!next) return false;
  native().pause(Math.ceil(next.due - now));
  loopTime();
  fire(next);
  return true;
}

/** Forgets timers and requests, as a new pass begins with none: for tests, where one JavaScript
 * engine goes through several passes. */
export function resetLoop(): void {
  steps = undefined;
  timers.length = 0;
  sendings.length = 0;
  elapsed = 0;
  lastReal = undefined;
  lastId = 0;
  nesting = 0;
}
