/** state.json of a checkpoint: all that the rest of a run depends on, without its tensors. */
import { DataError } from "../error.js";
import { parseExactly } from "../files/exact.js";
import * as is from "../files/shape.js";
import type { Position } from "../training/position.js";
import type { Settings } from "../training/settings.js";
import type { Mark } from "./log.js";
import { settingsShape, withStoreDefaults } from "./manifest.js";

/** What of a run is not in its session. */
export interface RunState {
  position: Position;
  /** The end of metrics.jsonl at this position. */
  log: Mark;
  /** The damaged images that were left out so far. */
  skipped: readonly string[];
  /** The time so far, over all processes that computed parts of the run. */
  seconds: number;
  residentPeakBytes: number;
}

/** This number grows when older versions could not read the file. */
export const stateVersion = 1;

/** What state.json holds. */
export interface State extends RunState {
  version: typeof stateVersion;
  settings: Settings;
  /** What the store's controller knows; null for a store without one. */
  store: unknown;
  meanGradient: [parameter: string, mean: number][];
}

const stateShape = is.object<State>({
  version: is.oneOf(1),
  position: is.object<Position>({ epoch: is.count, batch: is.count }),
  log: is.object<Mark>({ bytes: is.count, sha256: is.text }),
  skipped: is.list(is.text),
  seconds: is.number,
  residentPeakBytes: is.count,
  settings: settingsShape,
  // The store's controller checks it.
  store: is.one("anything", () => true),
  meanGradient: is.list(is.pair(is.text, is.anyNumber)),
});

/** `where` names the file. Throws a DataError if the text is not a state of this version. */
export function parseState(text: string, where: string): State {
  const value = parseExactly(text, where);
  const version = is.isRecord(value) ? value.version : undefined;
  if (version !== undefined && version !== stateVersion) {
    throw new DataError({
      where,
      expected: `version ${stateVersion}`,
      got: is.shown(version),
      remedy: "use the comet-ts that wrote it",
    });
  }
  return is.check(withStoreDefaults(value), stateShape, where, "remove the checkpoint");
}
