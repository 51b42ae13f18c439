/** `AbortController` and `AbortSignal`. */
import { Event, EventTarget } from "./events.js";
import { loopTime, setTimer } from "./loop.js";

const SECRET = Symbol("AbortSignal");

export class AbortSignal extends EventTarget {
  aborted = false;
  reason: unknown = undefined;
  onabort: ((event: Event) => void) | null = null;
  /** Loop time at which it aborts by itself: what is asked of the host meanwhile gets that as its limit. */
  #deadline = Infinity;

  constructor(secret: symbol) {
    if (secret !== SECRET) throw new TypeError("Illegal constructor");
    super();
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(SECRET);
    abort(signal, reason);
    return signal;
  }

  /** Aborts after so many milliseconds. */
  static timeout(millis: number): AbortSignal {
    const signal = new AbortSignal(SECRET);
    const timer = setTimer(() => expire(signal), millis, false).unref();
    signal.#deadline = timer.due;
    return signal;
  }

  /** Aborts with the first of these that does. */
  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const any = new AbortSignal(SECRET);
    for (const signal of signals) {
      if (signal.aborted) {
        abort(any, signal.reason);
        break;
      }
      any.#deadline = Math.min(any.#deadline, signal.#deadline);
      signal.addEventListener("abort", () => abort(any, signal.reason), { once: true });
    }
    return any;
  }

  /** Milliseconds until the signal aborts by itself; undefined: it does not. */
  static remaining(signal: AbortSignal): number | undefined {
    return signal.#deadline === Infinity ? undefined : Math.max(signal.#deadline - loopTime(), 0);
  }
}

function abort(signal: AbortSignal, reason?: unknown): void {
  if (signal.aborted) return;
  signal.aborted = true;
  signal.reason = reason === undefined ? new DOMException("This operation was aborted", "AbortError") : reason;
  const event = new Event("abort");
  signal.onabort?.call(signal, event);
  signal.dispatchEvent(event);
}

/** Aborts a signal whose time is over. */
export function expire(signal: AbortSignal): void {
  abort(signal, new DOMException("The operation was aborted due to timeout", "TimeoutError"));
}

export class AbortController {
  readonly signal = new AbortSignal(SECRET);

  abort(reason?: unknown): void {
    abort(this.signal, reason);
  }
}

