import { type RangeSelection, selectRanges } from './byte-ranges.js';
import { rangeApplies, type Validators } from './preconditions.js';

/** What of a representation is asked for, `If-Range` considered (RFC 9110 §14.2). */
export function selectionOf(
  request: { readonly range?: string | undefined; readonly ifRange?: string | undefined },
  representation: Validators & { readonly size: number },
): RangeSelection {
  return rangeApplies(request.ifRange, representation)
    ? selectRanges(request.range, representation.size)
    : { kind: 'whole' };
}
