/** Lists of a policy whose elements are known by their ids, held against each other. */

export interface Matched<Item> {
  /** In the order of the second list. */
  added: Item[];
  /** In the order of the first list. */
  removed: Item[];
  /** In both, in the order of the second. */
  kept: { before: Item; after: Item }[];
  /** Ids of what is in both, in either order. */
  orderBefore: string[];
  orderAfter: string[];
}

export function matchById<Item extends { id: string }>(
  from: readonly Item[],
  to: readonly Item[],
): Matched<Item> {
  const before = new Map(from.map((item) => [item.id, item]));
  const after = new Map(to.map((item) => [item.id, item]));
  const kept = to.flatMap((item) => {
    const earlier = before.get(item.id);
    return earlier ? [{ before: earlier, after: item }] : [];
  });
  return {
    added: to.filter(({ id }) => !before.has(id)),
    removed: from.filter(({ id }) => !after.has(id)),
    kept,
    orderBefore: from.filter(({ id }) => after.has(id)).map(({ id }) => id),
    orderAfter: kept.map((pair) => pair.after.id),
  };
}
