/** The policies by name. A new policy is a file of this folder and a line here. */
import { budgetKind } from "./budget.js";
import { fixedKind } from "./fixed.js";
import { lawKind } from "./law.js";
import { paperKind } from "./paper.js";
import { spreadKind } from "./spread.js";

export const policies = [
  lawKind, //
  spreadKind,
  budgetKind,
  paperKind,
  fixedKind,
] as const;
