/** What became of the saved tensors of a forward pass: which of them were kept, and which are made from others. */
import type { PackedKind, SaveRequest } from "./packed.js";
import type { Made } from "./plan.js";
import type { Store } from "./store.js";

/** One saved tensor. */
export interface ChainRow {
  /** The site that put it out, with a number behind it from the site's second application on. */
  name: string;
  shape: readonly number[];
  /** The form in which it waited for the backward pass; "recipe" if it is made from others. */
  kind: PackedKind;
  /** The bytes of the device that this form took. */
  bytes: number;
  /** How it is made, and from which tensors; null if it is kept. */
  made: Made | null;
  /** The ops that read it in the forward pass, by site. */
  readers: readonly string[];
  /** What its form had to satisfy. `site`: the op's site and the name under which the op saved. */
  requests: readonly (Omit<SaveRequest, "site"> & { site: string })[];
}

/** The saved tensors of the last forward pass of a store, in the order of that pass; without packed bits. */
export function chainRows({ chains }: Store): ChainRow[] {
  const { trace, tensors } = chains.pass;
  return [...tensors].flatMap(({ name, shape, form, promise, requests }) => {
    if (form === null) return [];
    const readers = trace.filter(({ inputs }) => inputs.includes(name)).map((step) => step.name);
    const made = form.kind === "recipe" ? promise!.made : null;
    const asked = requests.map((request) => ({ ...request, site: request.site.name }));
    return [{ name, shape, ...form, made, readers, requests: asked }];
  });
}
