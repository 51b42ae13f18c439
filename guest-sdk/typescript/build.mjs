#!/usr/bin/env node
/**
 * Bundles a project's functions into the one script that `pawl snapshot` takes:
 *
 *     build.mjs DIR OUT.js
 *
 * The entry is `src/index.ts` or `src/index.js`, or what the project's package.json names: `"pawl": { "entry": "main.ts" }`.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const [dir, out] = process.argv.slice(2);
if (!dir || !out) {
  console.error("usage: build.mjs DIR OUT.js");
  process.exit(2);
}
const project = resolve(dir);
writeFileSync(out, await bundle(project));

/** The script: the bundle, and its source map for the stacks of errors. */
async function bundle(project) {
  const result = await build({
    stdin: {
      contents: `import "pawl/runtime"; import ${JSON.stringify(entryOf(project))}; import "pawl/entry";`,
      resolveDir: project,
      sourcefile: "pawl-program.js",
    },
    absWorkingDir: project,
    // nothing is written: the place is what the map's sources are relative to
    outfile: join(project, "program.js"),
    write: false,
    bundle: true,
    format: "iife",
    platform: "neutral",
    mainFields: ["module", "main"],
    // where a package has a variant without Node's modules, that is the one
    conditions: ["worker", "browser"],
    define: { "process.env.NODE_ENV": '"production"' },
    target: "es2023",
    charset: "utf8",
    keepNames: true,
    sourcemap: "external",
    sourcesContent: false,
    logLevel: "warning",
  });
  const text = (ending) => result.outputFiles.find((file) => file.path.endsWith(ending)).text;
  return `${text(".js")}\n;globalThis.__pawl_map=${JSON.stringify(text(".map"))};\n`;
}

function entryOf(project) {
  const manifest = join(project, "package.json");
  const named = existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")).pawl?.entry : undefined;
  const candidates = (named ? [named] : ["src/index.ts", "src/index.js"]).map((file) => join(project, file));
  const entry = candidates.find((file) => existsSync(file));
  if (entry) return entry;
  console.error(`${candidates[0]} is not there: write your functions there, or name the file in package.json`);
  process.exit(1);
}
