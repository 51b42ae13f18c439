/** Steps side by side. */
import { NonRetriableError } from "pawl";
import { inngest, messageOf } from "./client.js";

inngest.createFunction({ id: "parallel" }, { event: "test/parallel" }, async ({ step }) => {
  const broken = () => {
    throw new NonRetriableError("b is broken");
  };
  const chain = async () => {
    await step.run("e1", () => 5);
    return step.run("e2", () => 6);
  };
  const [a, b, , d, e] = await Promise.all([
    step.run("a", () => 1),
    step.run("b", broken).catch(messageOf),
    step.sleep("c", 50),
    step.run("d", () => 4),
    chain(),
  ]);
  return { a, b, d, e };
});

inngest.createFunction({ id: "wide" }, { event: "test/wide" }, async ({ event, step }) => {
  const squares = Array.from({ length: event.data.n }, (_, i) => step.run(`${i}`, () => i * i));
  return (await Promise.all(squares)).reduce((sum, square) => sum + square, 0);
});

inngest.createFunction({ id: "race" }, { event: "test/race" }, async ({ step }) => {
  const won = await Promise.race([step.sleep("slow", "1h"), step.run("fast", () => "fast")]);
  return { won, after: await step.run("after", () => "after") };
});
