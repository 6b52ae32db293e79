import {
  type ConditionalHeaders,
  judgePreconditions,
  rangeApplies,
  type RangeSelection,
  selectRanges,
} from '../../../common/http/index.js';
import { preconditionFailed } from '../../../common/problems/index.js';
import type { ObjectKey } from '../object-key.js';
import { rangeNotSatisfiable } from '../storage.problems.js';
import type { Volume } from '../volumes.js';
import type { Delivery } from './delivery.js';
import type { Representation } from './representation.js';

/** The part of a GET or HEAD that decides how it is answered. */
export interface DeliveryRequest extends ConditionalHeaders {
  readonly range?: string | undefined;
}

/** Where the bytes of a representation are. */
export interface StoredObject {
  readonly volume: Volume;
  readonly key: ObjectKey;
}

/**
 * Range headers that nginx 1.22 reads as we do: at most 18 digits, no empty list elements, spaces only where it skips
 * them (RULES 5.1). Everything else is streamed.
 */
const READ_ALIKE_BY_NGINX =
  /^bytes=(?:\d{1,18}-\d{0,18}|-\d{1,18})(?:,[ ]?(?:\d{1,18}-\d{0,18}|-\d{1,18}))*$/i;

/**
 * Judges the conditions (RFC 9110 §13.2.2), selects the ranges and chooses the way.
 * @throws Problem `precondition-failed` (412), `range-not-satisfiable` (416)
 */
export function chooseDelivery(
  request: DeliveryRequest,
  representation: Representation,
  object: StoredObject,
): Delivery {
  switch (judgePreconditions(request, representation)) {
    case 'failed':
      throw preconditionFailed();
    case 'not-modified':
      return { mode: 'not-modified', representation };
    case 'proceed':
  }
  const selection = rangeApplies(request.ifRange, representation)
    ? selectRanges(request.range, representation.size)
    : ({ kind: 'whole' } as const);
  if (selection.kind === 'unsatisfiable') throw rangeNotSatisfiable(representation.size);

  if (object.volume.delivery === 'accel' && nginxWouldAgree(request, selection)) {
    return { mode: 'accel', internalPath: internalPath(object, selection), representation };
  }
  const { store } = object.volume;
  return {
    mode: 'stream',
    representation,
    selection,
    open: (range, signal) => store.read(object.key, range, signal),
  };
}

/** nginx judges `If-Match` and `If-Unmodified-Since` by its own modification time and tag (DESIGN §5): never let it. */
function nginxWouldAgree(request: DeliveryRequest, selection: RangeSelection): boolean {
  if (request.ifMatch !== undefined || request.ifUnmodifiedSince !== undefined) return false;
  return (
    selection.kind === 'whole' || (request.range !== undefined && READ_ALIKE_BY_NGINX.test(request.range))
  );
}

/**
 * Of the two internal locations over a volume, `whole` ignores Range: so what is ignored is decided here alone, and
 * still sent by sendfile.
 */
function internalPath({ volume, key }: StoredObject, selection: RangeSelection): string {
  const way = selection.kind === 'whole' ? 'whole' : 'ranged';
  return `/_accel/${volume.name}/${way}/${key.split('/').map(encodeURIComponent).join('/')}`;
}
