/** Inngest's `serve`, for code that also has a route for Inngest's servers. */

/** Answers to nothing; see {@link serve}. */
export type ServeHandler = {
  (...request: unknown[]): never;
  GET: () => never;
  POST: () => never;
  PUT: () => never;
};

/**
 * There is nothing to serve: the host offers every function that `createFunction` has made. This takes what
 * Inngest's `serve` takes, so that a route may stay in the program, and says so when it is called.
 */
export function serve(_options?: unknown): ServeHandler {
  const handler = (): never => {
    throw new Error("there is no route in Pawl: the host offers each function that createFunction has made");
  };
  return Object.assign(handler, { GET: handler, POST: handler, PUT: handler });
}
