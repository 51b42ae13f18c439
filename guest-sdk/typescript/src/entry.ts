/** Offers the program's functions to the engine. Imported after them. */
import { failureOf } from "./failure.js";
import { allEntries } from "./functions.js";
import { configsOf } from "./manifest.js";
import { Run } from "./run.js";
import { registerSteps, tick } from "./runtime/loop.js";
import type { Entry } from "./runtime/native.js";

/** The run of this instance: there is one. */
let run: Run | undefined;

const entry: Entry = {
  describe: () => configsOf(allEntries()),
  handle(context) {
    run = new Run(context);
    registerSteps(run.steps);
    return run.output;
  },
  tick: () => tick() || (run?.stalled() ?? false),
  unhandled: (reason) => run?.unhandled(reason),
  failure: failureOf,
};

globalThis.__pawl_entry = entry;
