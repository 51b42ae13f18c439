/**
 * Stacks as their author wrote the code: files and lines of the sources in place of the bundle's, and
 * without the frames of the SDK and the engine.
 */
import { sourceMap } from "./sourcemap.js";

type Frame = { text: string; file: string | undefined; line: number; column: number };

/** What the bundle is called by the engine, and where the SDK's own sources are. */
type Own = { bundle: string | undefined; sdk: string };

let own: Own | undefined;

/**
 * The author's frames of an error's stack, one a line: `at name (file:line:column)`. Undefined when it has
 * none. QuickJS begins a stack with the constructor of the error's class: those frames say nothing.
 */
export function framesOf(stack: string | undefined, constructor = ""): string | undefined {
  if (!stack) return undefined;
  const frames = stack
    .split("\n")
    .map(parse)
    .filter((frame) => frame !== undefined);
  while (frames.length > 1 && constructor !== "" && frames[0]?.text === constructor) frames.shift();
  own ??= findOwn();
  const { bundle, sdk } = own;
  const authors = frames.map((frame) => resolve(frame, bundle)).filter((frame) => isAuthors(frame, sdk));
  return authors.length > 0 ? authors.map(print).join("\n") : undefined;
}

/** Where this very function is says both. */
function findOwn(): Own {
  const frames = new Error().stack?.split("\n").map(parse);
  const here = frames?.find((frame) => frame?.file !== undefined);
  const file = here && resolve(here, here.file).file;
  return { bundle: here?.file, sdk: file?.slice(0, file.lastIndexOf("/") + 1) ?? "" };
}

/** `    at name (file:1:2)`, `    at file:1:2`, `    at map (native)`. */
function parse(line: string): Frame | undefined {
  const found = /^\s*at (?:(.*?) ?\()?([^()]*?)(?::(\d+))?(?::(\d+))?\)?$/.exec(line);
  if (!found) return undefined;
  const [, name, place, row, column] = found;
  const text = (name ?? "").replace(/^async /, "").replace(/^<anonymous>$/, "");
  const file = place === "native" || row === undefined ? undefined : place;
  return { text, file, line: Number(row ?? 0), column: Number(column ?? 1) };
}

function resolve(frame: Frame, bundle: string | undefined): Frame {
  const map = sourceMap();
  if (!map || frame.file === undefined || frame.file !== bundle) return frame;
  const place = map.find(frame.line, frame.column);
  return place ? { text: frame.text, ...place } : { ...frame, file: undefined };
}

function isAuthors({ file }: Frame, sdk: string): boolean {
  if (file === undefined || file.startsWith("node:") || file.startsWith("<")) return false;
  return sdk === "" || !file.startsWith(sdk);
}

function print({ text, file, line, column }: Frame): string {
  const place = `${file}:${line}:${column}`;
  return text === "" ? `    at ${place}` : `    at ${text} (${place})`;
}
