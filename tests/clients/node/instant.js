// Drives an InstantDB server through the official admin client. Standard input:
// {uri, app, token, calls: [{transact: [[action, namespace, entity, args, opts]…]} | {query}]}
// where an entity is an id or {lookup: [attribute, value]}. Prints one outcome a call:
// {ok} or {status, type, message, hint}.
import { init, lookup } from "@instantdb/admin";
import { readFileSync } from "node:fs";

const { uri, app, token, calls } = JSON.parse(readFileSync(0, "utf8"));
// the client's own checks are off: the server's are what is looked at
const db = init({ apiURI: uri, appId: app, adminToken: token, disableValidation: true });

const chunk = ([action, namespace, entity, ...args]) => {
  const id = typeof entity === "string" ? entity : lookup(...entity.lookup);
  return db.tx[namespace][id][action](...args);
};

const outcomes = [];
for (const call of calls) {
  try {
    const ok = call.query ? await db.query(call.query) : await db.transact(call.transact.map(chunk));
    outcomes.push({ ok });
  } catch (e) {
    if (e.body === undefined) throw e;
    const { type, message, hint } = e.body;
    outcomes.push({ status: e.status, type, message, hint });
  }
}
console.log(JSON.stringify(outcomes));
