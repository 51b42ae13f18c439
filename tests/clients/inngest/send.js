// Sends events through Inngest's npm client. Standard input: {version, sends: [event | events…]};
// where to and with which key is in the environment, as their users set it. Prints one outcome a
// send: {ids} or {error}.
import { readFileSync } from "node:fs";

const { version, sends } = JSON.parse(readFileSync(0, "utf8"));
const { Inngest } = await import(`inngest${version}`);
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const client = new Inngest({ id: "shop", logger: quiet });

const outcomes = [];
for (const send of sends) {
  try {
    outcomes.push(await client.send(send));
  } catch (e) {
    outcomes.push({ error: e.message });
  }
}
console.log(JSON.stringify(outcomes));
