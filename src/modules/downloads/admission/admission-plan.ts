import type { Subject, Version, Resting } from '../../../common/revocation/index.js';
import { addressBlock, type RangeSelection } from '../../../common/http/index.js';
import type { StoredFile } from '../../file-meta/index.js';
import type { Delivery, DeliveryRequest } from '../../storage/index.js';
import type { Caller } from '../callers/caller.js';
import type { AdmissionRequest, ClientNames, NewTransfer, Purpose, Slot } from './admission.js';

/** RULES 4.1: what clients send to find out whether ranges work and how large a file is. */
const PROBE = /^bytes=0-[01]$/;

/** @param selection what is sent for it: the whole file where If-Range ignores the range, and that is no probe */
export function isProbe({ range, head }: DeliveryRequest, selection: RangeSelection): boolean {
  return selection.kind === 'ranges' && range !== undefined && head !== true && PROBE.test(range);
}

/** What admission is asked for a request that is counted and opens nothing: HEAD, 304, whatever is refused. */
export function lookAt(
  caller: Caller,
  client: ClientNames,
  address: string,
  requestsPerMinute: number,
): AdmissionRequest {
  const { subject, token } = caller;
  return {
    purpose: 'look',
    versions: new Map(),
    subject,
    // Rate and slots of a token belong to each of its clients (RULES 4.6); but cookies and User-Agents are the client's to choose, and
    // whoever takes another one at each request would be counted by none.
    rate: {
      of: token === undefined ? subject : `${subject}:${addressBlock(address)}`,
      limit: requestsPerMinute,
    },
    client,
    whole: true,
    above: false,
    slots: slotsOf(caller, client),
  };
}

function slotsOf({ subject, token, limits }: Caller, client: ClientNames): readonly Slot[] {
  const own = { limit: limits.maxConcurrent };
  if (token === undefined) return [{ ...own, holder: subject }];
  return [
    { ...own, holder: `${subject}:${client.address}` },
    { holder: subject, limit: token.maxConcurrent },
  ];
}

/** What is known of a request when its delivery is chosen. */
export interface Chosen {
  readonly caller: Caller;
  readonly file: StoredFile;
  readonly delivery: Delivery;
  readonly selection: RangeSelection;
  readonly versions: ReadonlyMap<Subject, Version>;
}

/** What admission is asked for a decided request. */
export function admissionOf(
  look: AdmissionRequest,
  { caller, file, delivery, selection, versions }: Chosen,
  request: DeliveryRequest,
  transfer: NewTransfer | undefined,
): AdmissionRequest {
  return {
    ...look,
    purpose: purposeOf(delivery, request, selection),
    versions,
    file: { id: file.id, tenantId: file.tenantId, size: file.size, sha256: file.sha256 },
    token: caller.token && { id: caller.token.id, cookieOnly: caller.token.resume === 'cookie' },
    whole: selection.kind !== 'ranges',
    above: selection.kind === 'ranges' && selection.ranges[0].first > 0,
    transfer,
  };
}

export function purposeOf(delivery: Delivery, request: DeliveryRequest, selection: RangeSelection): Purpose {
  if (request.head === true || delivery.mode === 'not-modified') return 'look';
  return isProbe(request, selection) && delivery.mode === 'stream' ? 'probe' : 'open';
}

/** The versions that all of it rests on. */
export function versionsOf(all: readonly (Resting<unknown> | undefined)[]): ReadonlyMap<Subject, Version> {
  const versions = new Map<Subject, Version>();
  for (const one of all) {
    one?.subjects.forEach((subject, place) => versions.set(subject, one.versions[place] ?? ''));
  }
  return versions;
}
