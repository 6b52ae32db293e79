/** Inclusive byte positions, as in RFC 9110 §14.1.2. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** What a `Range` header asks of a representation of known size. */
export type RangeSelection =
  /** No range applies: answer 200 with everything. */
  | { readonly kind: 'whole' }
  /** Answer 206 with these, in the order asked for. */
  | { readonly kind: 'ranges'; readonly ranges: readonly [ByteRange, ...ByteRange[]] }
  /** Answer 416. */
  | { readonly kind: 'unsatisfiable' };

/**
 * More ranges than this in one request are not worth their cost (RFC 9110 §14.2 lets a server ignore them;
 * CVE-2025-62727 is what happens otherwise). The same number stands as `max_ranges` in the nginx template.
 */
export const MAX_RANGES = 100;

/** Ranges of a sane header fit in this; a longer one is ignored before it is looked at. */
const MAX_HEADER_LENGTH = 8_192;

const WHOLE: RangeSelection = { kind: 'whole' };
const UNSATISFIABLE: RangeSelection = { kind: 'unsatisfiable' };

/**
 * Judges a `Range` header (RFC 9110 §14.2) against `size` bytes. Never throws.
 *
 * - another unit, a malformed list or an impossible range (`5-3`): the header is ignored
 * - too many ranges, or ranges that together exceed the size: ignored, the whole is cheaper than its parts
 * - an empty representation: ignored, since no range of it can be written down (as Go and nginx do)
 * - ranges that begin behind the end are left out; when nothing is left: unsatisfiable
 */
export function selectRanges(header: string | undefined, size: number): RangeSelection {
  if (header === undefined || header.length > MAX_HEADER_LENGTH || size === 0) return WHOLE;
  const list = /^bytes=(.*)$/is.exec(header)?.[1];
  if (list === undefined) return WHOLE;

  const ranges: ByteRange[] = [];
  let asked = 0;
  let total = 0;
  for (const element of list.split(',')) {
    if (/^[ \t]*$/.test(element)) continue; // RFC 9110 §5.6.1.2: a recipient ignores empty list elements.
    asked += 1;
    if (asked > MAX_RANGES) return WHOLE;
    const range = parseRange(element, size);
    if (range === 'malformed') return WHOLE;
    if (range === 'outside') continue;
    ranges.push(range);
    total += range.last - range.first + 1;
  }
  if (asked === 0) return WHOLE;
  const [head, ...rest] = ranges;
  if (head === undefined) return UNSATISFIABLE;
  return total > size ? WHOLE : { kind: 'ranges', ranges: [head, ...rest] };
}

/** Positions may have any number of digits: BigInt reads them exactly, and what lies behind the end is cut anyway. */
function parseRange(text: string, size: number): ByteRange | 'malformed' | 'outside' {
  // One pass: trimming by an unanchored pattern would take quadratic time on a run of spaces.
  const match = /^[ \t]*(\d*)-(\d*)[ \t]*$/.exec(text);
  const [, from = '', to = ''] = match ?? [];
  if (match === null || (from === '' && to === '')) return 'malformed';
  if (from === '') {
    const length = clamp(to, size);
    return length === 0 ? 'outside' : { first: size - length, last: size - 1 };
  }
  if (to !== '' && BigInt(to) < BigInt(from)) return 'malformed';
  const first = clamp(from, size);
  if (first >= size) return 'outside';
  return { first, last: to === '' ? size - 1 : clamp(to, size - 1) };
}

function clamp(digits: string, max: number): number {
  const value = BigInt(digits);
  return value > BigInt(max) ? max : Number(value);
}
