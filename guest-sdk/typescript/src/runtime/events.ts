/** `Event` and `EventTarget`, as far as `AbortSignal` and libraries without a page need them. */

export class Event {
  readonly type: string;
  readonly cancelable: boolean;
  defaultPrevented = false;
  target: EventTarget | null = null;
  currentTarget: EventTarget | null = null;
  readonly timeStamp = Date.now();
  #stopped = false;

  constructor(type: string, init: { cancelable?: boolean } = {}) {
    this.type = String(type);
    this.cancelable = init.cancelable ?? false;
  }

  preventDefault(): void {
    if (this.cancelable) this.defaultPrevented = true;
  }

  stopPropagation(): void {}

  stopImmediatePropagation(): void {
    this.#stopped = true;
  }

  /** Whether a listener asked that no other one hears of it. */
  static stopped(event: Event): boolean {
    return event.#stopped;
  }
}

export type Listener = ((event: Event) => void) | { handleEvent(event: Event): void };

type Entry = { listener: Listener; once: boolean };

export class EventTarget {
  readonly #listeners = new Map<string, Entry[]>();

  addEventListener(type: string, listener: Listener | null, options?: boolean | AddEventListenerOptions): void {
    if (!listener) return;
    const { once = false, signal } = typeof options === "object" ? options : {};
    if (signal?.aborted) return;
    const entries = this.#listeners.get(type) ?? [];
    if (entries.some((entry) => entry.listener === listener)) return;
    this.#listeners.set(type, [...entries, { listener, once }]);
    signal?.addEventListener("abort", () => this.removeEventListener(type, listener), { once: true });
  }

  removeEventListener(type: string, listener: Listener | null): void {
    const left = this.#listeners.get(type)?.filter((entry) => entry.listener !== listener);
    if (left) this.#listeners.set(type, left);
  }

  dispatchEvent(event: Event): boolean {
    event.target = event.currentTarget = this;
    for (const { listener, once } of this.#listeners.get(event.type) ?? []) {
      if (once) this.removeEventListener(event.type, listener);
      try {
        if (typeof listener === "function") listener.call(this, event);
        else listener.handleEvent(event);
      } catch (error) {
        // the others hear of it all the same; the error is told as one that nobody caught
        void Promise.reject(error);
      }
      if (Event.stopped(event)) break;
    }
    event.currentTarget = null;
    return !event.defaultPrevented;
  }
}
