/** A host for unit tests that answers what it is told to, and keeps what it was asked. */
import type { Failure, Native, Outcome, Request } from "../src/runtime/native.js";

/** What the next question is answered with. */
export type Answer = Outcome | [number, Outcome][];

export class ScriptedNative {
  /** What was asked, in its order: `open a`, `select a b`, `succeed 1 "x"`, `fail 1 Error: m`. */
  readonly asked: string[] = [];
  readonly requests: Request[] = [];
  readonly failures: Failure[] = [];
  readonly logs: string[] = [];
  /** What `attemptSucceed` gives. */
  refuses: Failure | undefined;
  readonly #answers: Answer[];

  constructor(...answers: Answer[]) {
    this.#answers = answers;
    globalThis.__pawl = this.native();
  }

  native(): Native {
    const unused = () => {
      throw new Error("not expected");
    };
    return {
      open: (request) => {
        this.#note("open", [request]);
        return this.#next() as Outcome;
      },
      select: (requests) => {
        this.#note("select", requests);
        return this.#next() as [number, Outcome][];
      },
      attemptNumber: () => 2,
      attemptMax: () => 4,
      attemptKey: (attempt) => `key-${attempt}`,
      attemptSucceed: (attempt, output) => {
        this.asked.push(`succeed ${attempt} ${output}`);
        return this.refuses;
      },
      attemptFail: (attempt, failure) => {
        this.asked.push(`fail ${attempt} ${failure.name}: ${failure.message}`);
        this.failures.push(failure);
        return { ...failure, retry: { tag: "no" } };
      },
      attemptDrop: (attempt) => void this.asked.push(`drop ${attempt}`),
      log: (level, message, fields) =>
        void this.logs.push([level, message, ...fields.map((field) => field.join("="))].join(" ")),
      now: () => 1_000,
      random: () => [1, 2],
      pause: () => {},
      send: unused,
      setting: unused,
      kvGet: unused,
      kvSet: unused,
      kvDelete: unused,
      kvExists: unused,
      kvKeys: unused,
      utf8Encode: (text) => new TextEncoder().encode(text).buffer as ArrayBuffer,
      utf8Decode: (bytes) => new TextDecoder().decode(bytes),
    };
  }

  #note(what: string, requests: Request[]): void {
    this.asked.push([what, ...requests.map((request) => request.id)].join(" "));
    this.requests.push(...requests);
  }

  #next(): Answer {
    const answer = this.#answers.shift();
    if (!answer) throw new Error(`no answer for ${this.asked.at(-1)}`);
    return answer;
  }
}

export const ok = (value: unknown): Outcome => ({ tag: "ok", val: JSON.stringify(value) });
export const execute = (attempt: number): Outcome => ({ tag: "execute", val: attempt });
export const failed = (name: string, message = ""): Outcome => ({
  tag: "err",
  val: { name, message, retry: { tag: "no" } },
});

/** Lets everything run that can go on by itself. */
export const jobs = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Flushes until nothing is left to do, with all jobs between. */
export async function flushAll(steps: { flush(): boolean }): Promise<void> {
  do await jobs();
  while (steps.flush());
}
