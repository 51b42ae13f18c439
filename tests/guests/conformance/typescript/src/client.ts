/** The app whose functions these are. */
import { Inngest } from "pawl";

export const inngest = new Inngest({ id: "conformance" });

/** What was thrown, as the suite compares it. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
