/** Mutants of what decides whether a run counts, and of what is said of runs. */
import { type Mutant, of } from "./mutant.js";

export const experimentMutants: Mutant[] = [
  ...of("experiments/planned-run", [
    ["makes threads a part of the key", '"threads", "memory", "stopAfter"', '"memory", "stopAfter"'],
    ["takes a seed for what changes no result", '"threads", "memory"', '"seed", "threads", "memory"'],
    ["makes settings that nothing reads a part of the key", "&& reads(settings, name)", ""],
    ["leaves the data out of the key", "[deciding, hash, image]", "[deciding, image]"],
    ["leaves the size of images out of the key", "[deciding, hash, image]", "[deciding, hash]"],
    ["counts a run that measured less", "measured[name] === run.measured[name]", "true"],
    ["lets a run measure for one experiment alone", "Math.max(measured[name]", "Math.min(measured[name]"],
    ["merges runs that are probed at other steps", "agree(measured[name], run.measured[name])", "true"],
  ]),
  ...of("experiments/standing", [
    ["counts runs of other code", "if (!anyCode && codesOf", "if (false && codesOf"],
    ["looks at the code of a run's beginning alone", "...resumed.map((part) => part.versions)", ""],
    ["takes over a run that another process computes", "if (isLocked", "if (false && isLocked"],
    ["takes the least advanced folder", "rank(a) - rank(b)", "rank(b) - rank(a)"],
    ["prefers no code", "(codesOf(manifest).some((other) => other !== code) ? 1 : 0)", "0"],
    [
      "begins a failed run again",
      'manifest.status === "done" || manifest.status === "failed"',
      'manifest.status === "done"',
    ],
  ]),
  ...of("experiments/statistics", [
    ["divides by n", "squares / (values.length - 1)", "squares / values.length"],
    ["pairs nothing", "common.length > 0", "false"],
    ["takes the normal quantile for Student’s", "quantiles[freedom - 1]", "undefined"],
    ["tells the deviation for the standard error", "spread / Math.sqrt(differences.length)", "spread"],
    ["subtracts the wrong way round", "b.get(seed) - a.get(seed)", "a.get(seed) - b.get(seed)"],
    ["forgives any bias", "mean: middle,\n        deviation", "mean: 0,\n        deviation"],
    [
      "fits σ before it tests",
      "normalDistribution(z);\n        return",
      "normalDistribution(z / Math.sqrt(square));\n        return",
    ],
  ]),
  ...of("experiments/courses", [
    ["forgets that some steps collect", "steps * (collectingMs - otherMs)", "0"],
    ["counts the first step", "all.slice(1)", "all"],
  ]),
  ...of("files/holder", [
    [
      "asks this machine for a process of another",
      "holder.namespace === own.namespace && holder.machine",
      "holder.machine",
    ],
    ["keeps the lock of a machine that is silent", "silentMs < silence", "true"],
    ["takes over from another task of Slurm", "holder.job === own.job && holder", "holder"],
  ]),
  ...of("files/lock", [
    ["never touches a lock", "setInterval(touch, every).unref()", "0"],
    ["removes the lock of its successor", "if (isOwn())\n            rmSync", "rmSync"],
  ]),
  ...of("experiments/schedule", [
    ["gives every run to the first task", "if (free[i] < free[earliest])", "if (false)"],
    [
      "forgets the start of a later turn",
      "const ended = began + startSeconds + done",
      "const ended = began + (next.from > 0 ? 0 : startSeconds) + done",
    ],
    [
      "lets a task run into its limit",
      "limitSeconds - warningSeconds - startSeconds",
      "limitSeconds - startSeconds",
    ],
  ]),
  ...of("cli/jobs/pool", [
    ["starts more than there are cores", 'total("threads") <= cores', "true"],
    ["starts more than memory holds", 'total("memoryBytes") <= memoryBytes', "true"],
    ["runs beside a measurement of time", "running.some(({ alone }) => alone)", "false"],
  ]),
  ...of("cli/jobs/live", [
    ["takes what was done before for its own pace", "(done - began.done)", "done"],
    ["lets several cores share one run", "Math.max(longest, total / atOnce)", "total / atOnce"],
  ]),
];
