/** The run that goes through this instance, for what is called without a context. */
import type { Steps } from "./steps.js";

let current: Steps | undefined;

/** The run's steps; undefined while the program is being loaded. */
export function currentSteps(): Steps | undefined {
  return current;
}

/** Sets them when a pass begins; the test kit takes them away when it ends. */
export function setCurrentSteps(steps: Steps | undefined): void {
  current = steps;
}

/** Whether a step's own code executes. */
export function isInStep(): boolean {
  return current?.executing() ?? false;
}
