import type { Readable } from 'node:stream';
import {
  type ByteRange,
  judgePreconditions,
  type RangeSelection,
  selectionOf,
} from '../../../common/http/index.js';
import { preconditionFailed } from '../../../common/problems/index.js';
import type { ObjectKey } from '../object-key.js';
import { ObjectNotFound, type ObjectStore } from '../object-store.js';
import type { Shape } from '../shaping/shaped.js';
import { contentMissing, notDeliverable, rangeNotSatisfiable } from '../storage.problems.js';
import type { BucketVolume, FileVolume, Volume } from '../volumes.js';
import { attachment } from './content-disposition.js';
import type { Delivery } from './delivery.js';
import type { DeliveryRequest } from './delivery-request.js';
import { mayRedirect, storeWouldAgree } from './redirect-rules.js';
import type { Representation } from './representation.js';

/** Where the bytes of a representation are. */
export interface StoredObject<V extends Volume = Volume> {
  readonly volume: V;
  readonly key: ObjectKey;
}

/** What the caller may not have at full speed (RULES 5.2). */
export interface DeliveryLimits {
  /** Bytes per second of one transfer. */
  readonly transferRate?: number | undefined;
  /** Slows all transfers of the caller together: the application has to send it. */
  readonly shape?: Shape | undefined;
  /** Limited in any other way: a transfer that nobody here sees could not be counted. */
  readonly limited?: boolean | undefined;
  /** To be sent by the application, whatever the volume. */
  readonly here?: boolean | undefined;
}

type Selection = Exclude<RangeSelection, { kind: 'unsatisfiable' }>;

/**
 * Range headers that nginx 1.22 reads as we do: at most 18 digits, no empty list elements, spaces only where it skips
 * them (RULES 5.1). Everything else is streamed.
 */
const READ_ALIKE_BY_NGINX =
  /^bytes=(?:\d{1,18}-\d{0,18}|-\d{1,18})(?:,[ ]?(?:\d{1,18}-\d{0,18}|-\d{1,18}))*$/i;

const NO_LIMITS_HERE =
  'Downloads from this volume are redirected to its store, which cannot keep your limits.';

/**
 * Judges the conditions (RFC 9110 §13.2.2), selects the ranges and chooses the way.
 * @throws Problem `precondition-failed` (412), `range-not-satisfiable` (416); `not-deliverable` (422), before any condition is looked at
 *   (RFC 9110 §13.2.1), for a limited caller on a volume whose bytes go past us
 */
export function chooseDelivery(
  request: DeliveryRequest,
  representation: Representation,
  { volume, key }: StoredObject,
  { transferRate, shape, limited: otherwise, here }: DeliveryLimits = {},
): Delivery {
  const limited = transferRate !== undefined || shape !== undefined || otherwise === true;
  if (limited && volume.delivery === 'redirect') throw notDeliverable(NO_LIMITS_HERE);
  switch (judgePreconditions(request, representation)) {
    case 'failed':
      throw preconditionFailed();
    case 'not-modified':
      return { mode: 'not-modified', representation };
    case 'proceed':
  }
  const selection = selectionOf(request, representation);
  if (selection.kind === 'unsatisfiable') throw rangeNotSatisfiable(representation.size);

  const chosen =
    shape === undefined && here !== true
      ? pastUs(request, selection, representation, { volume, key }, limited)
      : undefined;
  if (chosen?.mode === 'redirect') return chosen;
  if (chosen !== undefined) return { ...chosen, transferRate };
  const { store } = volume;
  return {
    mode: 'stream',
    representation,
    selection,
    open: (range, signal) => openContent(store, key, range, signal),
    transferRate,
    shape,
  };
}

type PastUs = Extract<Delivery, { mode: 'accel' | 'accel-s3' | 'redirect' }>;

/** @returns undefined where the application has to send it */
function pastUs(
  request: DeliveryRequest,
  selection: Selection,
  representation: Representation,
  { volume, key }: StoredObject,
  limited: boolean,
): PastUs | undefined {
  return volume.driver === 'fs'
    ? fromFile(request, selection, representation, { volume, key })
    : fromBucket(request, selection, representation, { volume, key }, limited);
}

/** @throws Problem `content-missing` (502) also for an object that has gone since its size was looked at */
async function openContent(
  store: ObjectStore,
  key: ObjectKey,
  range: ByteRange,
  signal: AbortSignal,
): Promise<Readable> {
  try {
    return await store.read(key, range, signal);
  } catch (error) {
    throw error instanceof ObjectNotFound ? contentMissing(error) : error;
  }
}

function fromFile(
  request: DeliveryRequest,
  selection: Selection,
  representation: Representation,
  object: StoredObject<FileVolume>,
): PastUs | undefined {
  return object.volume.delivery === 'accel' && nginxWouldAgree(request, selection)
    ? { mode: 'accel', internalPath: internalPath(object, selection), representation }
    : undefined;
}

/** nginx judges `If-Match` and `If-Unmodified-Since` by its own modification time and tag (DESIGN §5): never let it. */
function nginxWouldAgree(request: DeliveryRequest, selection: Selection): boolean {
  if (request.ifMatch !== undefined || request.ifUnmodifiedSince !== undefined) return false;
  return (
    selection.kind === 'whole' || (request.range !== undefined && READ_ALIKE_BY_NGINX.test(request.range))
  );
}

/**
 * Of the two internal locations over a volume, `whole` ignores Range: so what is ignored is decided here alone, and
 * still sent by sendfile.
 */
function internalPath({ volume, key }: StoredObject, selection: Selection): string {
  const way = selection.kind === 'whole' ? 'whole' : 'ranged';
  return `/_accel/${volume.name}/${way}/${key.split('/').map(encodeURIComponent).join('/')}`;
}

/** RULES 5.2. */
function fromBucket(
  request: DeliveryRequest,
  selection: Selection,
  representation: Representation,
  { volume, key }: StoredObject<BucketVolume>,
  limited: boolean,
): PastUs | undefined {
  // A URL that is presigned for GET answers HEAD with 403; and there is nothing to fetch.
  if (request.head === true) return undefined;
  switch (volume.delivery) {
    case 'stream':
      return undefined;
    case 'redirect':
      return storeWouldAgree(request, selection) ? redirect(volume, key, representation) : undefined;
    case 'accel-s3':
      return proxied(volume, key, selection, representation);
    case 'auto':
      return !limited && mayRedirect(request, selection)
        ? redirect(volume, key, representation)
        : proxied(volume, key, selection, representation);
  }
}

function redirect(volume: BucketVolume, key: ObjectKey, representation: Representation): PastUs {
  const { origin } = volume.publicUrls;
  const overrides = {
    contentDisposition: attachment(representation.filename),
    contentType: representation.contentType,
  };
  return { mode: 'redirect', location: origin + volume.publicUrls.get(key, Date.now(), overrides) };
}

/** The store sends one range or everything; several are put together by the application. */
function proxied(
  volume: BucketVolume,
  key: ObjectKey,
  selection: Selection,
  representation: Representation,
): PastUs | undefined {
  if (selection.kind === 'ranges' && selection.ranges.length > 1) return undefined;
  return {
    mode: 'accel-s3',
    internalPath: `/_store/${volume.name}${volume.proxyUrls.get(key, Date.now())}`,
    range: selection.kind === 'ranges' ? selection.ranges[0] : undefined,
    representation,
  };
}
