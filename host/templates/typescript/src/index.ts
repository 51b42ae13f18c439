/** A function of two steps, with a wait between them. */
import { Inngest } from "pawl";

const app = new Inngest({ id: "{{name}}" });

export const greet = app.createFunction(
  { id: "{{name}}" },
  { event: "{{name}}/requested" },
  async ({ event, step, logger }) => {
    const greeting = await step.run("compose", () => `Hello, ${event.data.name}!`);
    await step.sleep("wait-a-moment", "1s");
    await step.run("send", () => logger.info(greeting));
    return greeting;
  },
);
