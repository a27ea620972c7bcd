/** Mutants of the seam, and of what keeps files and logs whole. */
import { type Mutant, of } from "./mutant.js";

export const seamMutants: Mutant[] = [
  ...of("engine/saved", [
    ["frees the packed form while a share is left", "--this.#shares > 0", "--this.#shares > 1"],
    ["never frees the packed form", "this.packed?.free();", ""],
    ["packs what no op has requested", "this.#shares === 0 || this.packed", "this.packed"],
    ["makes nothing when a share comes late", "this.#recipe && !this.packed", "false"],
    ["takes two readers for one", "all === 1 &&", "all >= 1 &&"],
    ["gates each part with the first images", "start += x.size", "start += 0"],
    ["gives each part the first images", "this.range(first, Math.min", "this.range(0, Math.min"],
  ]),
  ...of("engine/handle", [
    ["takes a handle twice", "!(handle.saved instanceof SavedTensor)", "false"],
    ["keeps saved bits for ever", "this.#device.free(this.#block)", "void 0"],
  ]),
  ...of("engine/store", [
    ["keeps a dropped handle", "handle.saved = null", "void 0"],
    [
      "shares without a share",
      "const saved = tensorOf(handle);\n        saved.join();",
      "const saved = tensorOf(handle);",
    ],
    ["keeps the plain tensor without a share of its own", "new Raw(tensor.ref)", "new Raw(tensor)"],
  ]),
  ...of("engine/derived", [
    ["forgets its sources' shares", "source.join()", "void 0"],
    ["never gives its sources up", "source.leave()", "void 0"],
    ["notes no support", "this.#gates > 0 && first === this.#known", "false"],
    ["gates all parts with the first support", "start += size", "start += 0"],
    ["gates before all images are known", "this.#known < this.#shape[0]", "false"],
  ]),
  ...of("engine/rerun", [
    ["runs past the last tensor that is needed", ".slice(0, Math.max(...wantedAt.keys()) + 1)", ".slice(0)"],
    ["takes no share in the entry", "entry.join()", "void 0"],
    ["never gives the entry up", "this.#entry.leave()", "void 0"],
    ["never frees what it made", "packed?.free()", "packed"],
    ["runs a segment for each request", "wanted.packed === null", "true"],
    ["takes the signs from what errs", "signs === null", "true"],
  ]),
  ...of("stores/recompute/choices", [
    [
      "counts only what is kept",
      "keptBytes + again.peakBytes <= budget",
      "keptBytes + again.keptBytes <= budget",
    ],
    ["takes the plan with the most work", ".at(-1)?.choice", ".at(0)?.choice"],
    [
      "finds fewer bytes than there are",
      "before + again.peakBytes <= budget",
      "before + again.keptBytes <= budget",
    ],
  ]),
  ...of("noise/pass", [
    ["passes noise on as if no op changed it", "share * gain", "share"],
    ["keeps its shares in what it looked at", "engine.store.drop(handle);", ";"],
  ]),
  ...of("files/output", [
    ["renames without a flush", "fsyncSync(this.#file);\n            closeSync", "closeSync"],
    ["does not flush the folder", "syncFolder(dirname(this.#place.path))", "void 0"],
    [
      "writes only what one call takes",
      "from += writeSync(file, bytes, from)",
      "from += (writeSync(file, bytes, from), bytes.length)",
    ],
    ["loses permissions", "place.mode !== null", "false"],
    [
      "leaves the part when it is abandoned",
      "this.#part !== null)\n                rmSync",
      "false)\n                rmSync",
    ],
  ]),
  ...of("runs/log", [
    ["keeps a part of a line", "ftruncateSync(this.#file, this.#bytes);\n            throw", "throw"],
    [
      "does not cut the log back",
      "if (kept)\n            ftruncateSync",
      "if (false)\n            ftruncateSync",
    ],
    ["marks without a flush", "fsyncSync(this.#file);\n        return", "return"],
    ["takes a mark's sum for granted", "=== mark.sha256", '!== ""'],
    ["reads a line that was cut off", "to >= 0", "true"],
  ]),
];
