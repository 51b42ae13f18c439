/** A host for the tests of the runtime: a clock that stands still but for pauses, and what was asked of it. */
import { beforeEach } from "vitest";
import { resetLoop, tick } from "../../src/runtime/loop.js";
import type { HttpRequest, HttpResult, LogLevel, Native } from "../../src/runtime/native.js";

export class MockHost {
  time = 1_000_000;
  /** Whether pauses take time: inside of a step's code they do. */
  real = false;
  pauses: number[] = [];
  lines: [LogLevel, string][] = [];
  batches: HttpRequest[][] = [];
  answer: (request: HttpRequest) => HttpResult = () => ok("");
  random: number[][] = [];

  readonly native: Partial<Native> = {
    now: () => this.time,
    pause: (millis) => {
      this.pauses.push(millis);
      if (this.real) this.time += millis;
    },
    log: (level, message) => void this.lines.push([level, message]),
    send: (requests) => {
      this.batches.push(requests);
      return requests.map((request) => this.answer(request));
    },
    random: () => this.random.shift() ?? [0, 0],
    utf8Encode: (text) => new Uint8Array(Buffer.from(text)).buffer,
    utf8Decode: (bytes, fatal) => new TextDecoder("utf-8", { fatal, ignoreBOM: true }).decode(bytes),
  };
}

/** An answer with this text. */
export function ok(body: string, status = 200, headers: [string, string][] = []): HttpResult {
  return { ok: { status, headers, body: new Uint8Array(Buffer.from(body)).buffer } };
}

/** A new host before each test. */
export function useHost(): { current: MockHost } {
  const host = { current: new MockHost() };
  beforeEach(() => {
    host.current = new MockHost();
    globalThis.__pawl = host.current.native as Native;
    resetLoop();
  });
  return host;
}

/** Lets every job run that can, as the engine does before it ticks. */
export async function jobs(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Does as the engine: jobs and ticks by turns, until there is nothing left. */
export async function runLoop(): Promise<void> {
  do await jobs();
  while (tick());
}
