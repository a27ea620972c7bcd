/** The least and the greatest of any number of values. Math.min and Math.max take a limited number of arguments. */

/** +∞ of none. */
export const leastOf = (values: Iterable<number>, atMost = Number.POSITIVE_INFINITY): number => {
  let found = atMost;
  for (const value of values) found = Math.min(found, value);
  return found;
};

/** −∞ of none. */
export const greatestOf = (values: Iterable<number>, atLeast = Number.NEGATIVE_INFINITY): number => {
  let found = atLeast;
  for (const value of values) found = Math.max(found, value);
  return found;
};
