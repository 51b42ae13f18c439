/**
 * The steps of one pass through a function: each call waits here until nothing else can go on, and then
 * all that are open are asked of the host together.
 *
 * What may not return (the host drops the instance when the run has to wait) is only called from
 * {@link Steps.flush}, which the event loop calls when no job is left.
 */
import { StepError } from "./errors.js";
import { failureOf } from "./failure.js";
import { encode } from "./json.js";
import { stepBegins, stepEnds } from "./runtime/loop.js";
import { type Failure, type Outcome, type Request, native } from "./runtime/native.js";

/** A step's own code; it is given the handle of the attempt. */
export type Code = (attempt: number) => unknown;

type Call = {
  request: Request;
  code: Code | undefined;
  resolve(value: unknown): void;
  reject(error: unknown): void;
};

/** How a step's code came to its end. */
type End = { value: unknown } | { failure: Failure };

/** The try whose code executes. */
type Open = { call: Call; attempt: number; end: End | undefined };

export class Steps {
  /** In the order in which they were called. */
  #pending: Call[] = [];
  #open: Open | undefined;

  /** Whether a step's own code executes: until that has ended nothing is asked of the host. */
  executing(): boolean {
    return this.#open !== undefined && this.#open.end === undefined;
  }

  /**
   * A step, in the order of the calls. The promise gives what the host has recorded, as JSON reads
   * back, or rejects with a {@link StepError}.
   */
  add(request: Request, code?: Code): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call = { request, code, resolve, reject };
      if (this.executing()) {
        // inside of another step's code: the host refuses, and waiting for a flush would be for ever
        settle(call, native().open(request));
      } else {
        this.#pending.push(call);
      }
    });
  }

  /** Does the next thing with the host. False: there is none. */
  flush(): boolean {
    if (this.#open) return this.#finish(this.#open);
    const calls = this.#pending;
    const [first] = calls;
    if (!first) return false;
    const answers: [number, Outcome][] =
      calls.length === 1 ? [[0, native().open(first.request)]] : native().select(calls.map((c) => c.request));
    const taken = answers.map(([place, outcome]): [Call | undefined, Outcome] => [calls[place], outcome]);
    const gone = new Set(taken.map(([call]) => call));
    this.#pending = calls.filter((call) => !gone.has(call));
    for (const [call, outcome] of taken) {
      if (!call) throw new Error("the host answered for a step that was not asked for");
      if (outcome.tag === "execute" && call.code && !this.#open) this.#execute(call, call.code, outcome.val);
      else settle(call, outcome);
    }
    return true;
  }

  /**
   * Fails the try whose code executes, in place of what its code comes to. False: there is none.
   */
  fail(failure: Failure): boolean {
    if (!this.#open) return false;
    if (!this.#open.end || "value" in this.#open.end) this.#open.end = { failure };
    return true;
  }

  #execute(call: Call, code: Code, attempt: number): void {
    const open: Open = { call, attempt, end: undefined };
    this.#open = open;
    stepBegins();
    new Promise((resolve) => resolve(code(attempt))).then(
      (value) => {
        open.end ??= { value };
      },
      (error) => {
        open.end ??= { failure: failureOf(error) };
      },
    );
  }

  #finish({ call, attempt, end }: Open): boolean {
    if (!end) return false;
    const { id } = call.request;
    const output = encoded(end, id);
    // no call below may come back; the try is over here when it does
    const failure =
      "text" in output
        ? native().attemptSucceed(attempt, output.text)
        : native().attemptFail(attempt, output.failure);
    native().attemptDrop(attempt);
    this.#open = undefined;
    stepEnds();
    if (failure) call.reject(new StepError(id, failure));
    else if ("text" in output) call.resolve(JSON.parse(output.text));
    return true;
  }
}

function encoded(end: End, id: string): { text: string } | { failure: Failure } {
  if ("failure" in end) return end;
  try {
    return { text: encode(end.value, `the output of step \`${id}\``) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

function settle(call: Call, outcome: Outcome): void {
  switch (outcome.tag) {
    case "ok":
      return call.resolve(JSON.parse(outcome.val));
    case "err":
      return call.reject(new StepError(call.request.id, outcome.val));
    case "execute":
      throw new Error(`the host wants step \`${call.request.id}\` to be executed, which cannot be now`);
  }
}
