/** Bytes of a file, inclusive. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

export const lengthOf = ({ first, last }: Span): number => last - first + 1;

/**
 * Cuts the longest in two until there is one for each connection.
 * @param unit bytes at whose multiples may be cut
 */
export function shareOut(spans: readonly Span[], connections: number, unit: number): Span[] {
  const shared = [...spans];
  while (shared.length > 0 && shared.length < connections) {
    const longest = shared.reduce((one, other) => (lengthOf(other) > lengthOf(one) ? other : one));
    const middle = Math.floor((longest.first + lengthOf(longest) / 2) / unit) * unit;
    if (middle <= longest.first) break;
    shared.splice(
      shared.indexOf(longest),
      1,
      { first: longest.first, last: middle - 1 },
      { first: middle, last: longest.last },
    );
  }
  return shared;
}
