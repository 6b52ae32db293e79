import type { RangeSelection } from '../../../common/http/index.js';
import { type DeliveryRequest, isConditional } from './delivery-request.js';

/** One range in the form that every store reads alike. */
const PLAIN_RANGE = /^bytes=(?:\d{1,18}-\d{0,18}|-\d{1,18})$/;

/**
 * Whether nothing is lost by a redirect (RULES 5.2). The client sends the same headers again, to the store, which would judge
 * them by validators of its own.
 */
export function mayRedirect(request: DeliveryRequest, selection: RangeSelection): boolean {
  return !isConditional(request) && storeCanAnswer(request, selection);
}

/**
 * Whether the store, which gets the client's headers after our judgement, comes to the same: on a volume that redirects whatever
 * it can. Tags of ours mean nothing to the store, so with `If-None-Match` alone it sends the object, as it should; every other
 * condition it would judge otherwise, or not at all (MinIO and `If-Range`).
 */
export function storeWouldAgree(request: DeliveryRequest, selection: RangeSelection): boolean {
  return !isConditional({ ...request, ifNoneMatch: undefined }) && storeCanAnswer(request, selection);
}

function storeCanAnswer(
  { range, rangeIgnored, sendsCredentialsOn }: DeliveryRequest,
  selection: RangeSelection,
): boolean {
  if (rangeIgnored === true || sendsCredentialsOn === true) return false;
  return range === undefined || (selection.kind === 'ranges' && PLAIN_RANGE.test(range));
}
