/**
 * The bundle's source map, ready for look-ups: the program's snapshot holds it in pieces, each of which can be read
 * without those before it. So an error's stack costs a run no more than the pieces that its frames are in.
 */
import { decode } from "@jridgewell/sourcemap-codec";

declare global {
  /** The bundle's source map as JSON text: the build lets the program set it at its end. */
  var __pawl_map: string | undefined;
}

/** Lines of the bundle in one piece. */
const LINES = 64;

/** Places are relative to the one before, throughout the map: where a piece begins. */
type Piece = { mappings: string; source: number; line: number; column: number };

/** A place in a source; line and column from 1. */
export type Place = { file: string; line: number; column: number };

export class SourceMap {
  readonly #sources: string[];
  readonly #pieces: Piece[] = [];

  /** Takes the map's JSON text. Throws when that is none. */
  constructor(text: string) {
    const { sources, mappings } = JSON.parse(text) as { sources: string[]; mappings: string };
    this.#sources = sources;
    const lines = mappings.split(";");
    let [source, line, column] = [0, 0, 0];
    for (let first = 0; first < lines.length; first += LINES) {
      const piece = { mappings: lines.slice(first, first + LINES).join(";"), source, line, column };
      this.#pieces.push(piece);
      const last = decode(piece.mappings)
        .flat()
        .findLast((segment) => segment.length > 1);
      if (last && last.length > 1) [source, line, column] = absolute(piece, last as Mapped);
    }
  }

  /** Where something in the bundle is from; line and column from 1. Undefined: from nowhere in particular. */
  find(line: number, column: number): Place | undefined {
    const piece = this.#pieces[Math.floor((line - 1) / LINES)];
    const segments = piece && decode(piece.mappings)[(line - 1) % LINES];
    const segment = segments?.findLast(([start]) => start <= column - 1);
    if (!piece || !segment || segment.length === 1) return undefined;
    const [source, row, start] = absolute(piece, segment);
    const file = this.#sources[source];
    return file === undefined ? undefined : { file, line: row + 1, column: start + 1 };
  }
}

type Mapped = [number, number, number, number] | [number, number, number, number, number];

function absolute(piece: Piece, [, source, line, column]: Mapped): [number, number, number] {
  return [piece.source + source, piece.line + line, piece.column + column];
}

let map: SourceMap | undefined;

/** The map of this program, when it has one. */
export function sourceMap(): SourceMap | undefined {
  return map;
}

/** Lets the program set its map, which is read while it is built. */
Object.defineProperty(globalThis, "__pawl_map", {
  configurable: true,
  set(text: string) {
    try {
      map = new SourceMap(text);
    } catch {
      // a stack of the bundle's own lines is better than none
      map = undefined;
    }
  },
});
