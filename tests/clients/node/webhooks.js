// Signs bodies with the official libraries of Standard Webhooks and Svix. Standard input:
// [{library, body, secret, id, t}…]; prints one signature header each.
import { readFileSync } from "node:fs";
import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

const libraries = { standard: Standard, svix: Svix };
const signatures = JSON.parse(readFileSync(0, "utf8")).map(({ library, body, secret, id, t }) =>
  new libraries[library](secret).sign(id, new Date(t * 1000), body),
);
console.log(JSON.stringify(signatures));
