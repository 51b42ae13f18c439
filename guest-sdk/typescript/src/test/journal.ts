/** A run's steps as the host keeps them: what has settled, in which order, and what is still to come. */
import type { Failure, Operation } from "../runtime/native.js";

/** How a step ended. `output` is JSON. */
export type Result = { output: string } | { failure: Failure };

/** A step of a run. */
export type Step = {
  /** Its id; with `:n` for the n-th repeat. */
  key: string;
  id: string;
  op: Operation;
  /** Tries that have begun. */
  tries: number;
  /** When it began, in virtual time. */
  began: number;
  /** When it is over, or tried again. */
  until: number;
  result: Result | undefined;
};

/** The function came to something else than in an earlier pass: it depends on what is not in its steps. */
export class Diverged extends Error {
  constructor(what: string) {
    super(`${what}: outside of steps the function has to come to the same in every pass`);
    this.name = "Diverged";
  }
}

export class Journal {
  /** In the order in which they began. */
  readonly steps: Step[] = [];
  /** In the order in which they settled. */
  readonly settled: Step[] = [];
  /** Of this pass: the keys that were answered, and the steps that it has not come to yet. */
  #answered = new Set<string>();
  #missing = new Set<Step>();

  /** The function is called from its start. */
  beginPass(): void {
    this.#answered = new Set();
    this.#missing = new Set(this.steps);
  }

  /** The steps that these requests are, `undefined` for those that are new, with their keys. */
  find(requests: readonly { id: string; op: Operation }[]): { key: string; step: Step | undefined }[] {
    const taken = new Set<string>();
    const found = requests.map(({ id, op }) => {
      let key = id;
      for (let n = 1; this.#answered.has(key) || taken.has(key); n++) key = `${id}:${n}`;
      taken.add(key);
      const step = this.steps.find((step) => step.key === key);
      if (step && step.op.tag !== op.tag) {
        throw new Diverged(`step \`${key}\` was a \`${step.op.tag}\` before and is a \`${op.tag}\` now`);
      }
      return { key, step };
    });
    for (const { step } of found) if (step) this.#missing.delete(step);
    return found;
  }

  /** A new step is only for those who have come to all former ones again. */
  checkNew(key: string): void {
    const [missing] = this.#missing;
    if (missing) {
      throw new Diverged(
        `the function asks for the new step \`${key}\`, and has not come to step \`${missing.key}\``,
      );
    }
  }

  /** The function has given its output. */
  checkEnd(): void {
    const [missing] = this.#missing;
    if (missing) throw new Diverged(`the function has ended, and has not come to step \`${missing.key}\``);
  }

  add(key: string, id: string, op: Operation, now: number, until: number): Step {
    const step: Step = { key, id, op, tries: 0, began: now, until, result: undefined };
    this.steps.push(step);
    return step;
  }

  settle(step: Step, result: Result): void {
    step.result = result;
    this.settled.push(step);
  }

  answer(step: Step): Result {
    this.#answered.add(step.key);
    return step.result!;
  }
}
