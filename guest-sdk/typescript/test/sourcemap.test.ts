/** The source map of a bundle, read in pieces. */
import { build } from "esbuild";
import { expect, test } from "vitest";
import { SourceMap } from "../src/sourcemap.js";

/** A module in which the function `fn<n>` stands on line 2n + 1. */
async function bundle(functions: number) {
  const contents = Array.from({ length: functions }, (_, n) => `export function fn${n}() {\n  throw ${n}; }`).join(
    "\n",
  );
  const options = {
    bundle: true,
    write: false,
    outfile: "out.js",
    absWorkingDir: "/x",
    logLevel: "silent",
  } as const;
  const stdin = { contents, sourcefile: "src/a.ts", loader: "ts" } as const;
  const { outputFiles } = await build({
    ...options,
    stdin,
    format: "esm",
    sourcemap: "external",
    sourcesContent: false,
  });
  const [map, script] = outputFiles.map((file) => file.text) as [string, string];
  return { map: new SourceMap(map), lines: script.split("\n") };
}

test("every line of a long bundle is found in its source", async () => {
  const { map, lines } = await bundle(500);
  for (const n of [0, 1, 63, 64, 65, 128, 300, 499]) {
    const row = lines.findIndex((line) => line.includes(`throw ${n};`));
    const column = lines[row]!.indexOf("throw");
    expect(map.find(row + 1, column + 1), `${n}`).toEqual({ file: "src/a.ts", line: 2 * n + 2, column: 3 });
  }
  expect(map.find(100_000, 1)).toBeUndefined();
  expect(map.find(1, 1)).toBeUndefined();
});

test("a program's map is taken when the program sets it, and one that is none is left out", async () => {
  const { sourceMap } = await import("../src/sourcemap.js");
  globalThis.__pawl_map = '{"sources":["src/a.ts"],"mappings":"AAAA"}';
  expect(sourceMap()?.find(1, 5)).toEqual({ file: "src/a.ts", line: 1, column: 1 });
  globalThis.__pawl_map = "no JSON";
  expect(sourceMap()).toBeUndefined();
});
