import { Problem, requestTimeout } from '../../../common/problems/index.js';
import { insufficientStorage, ObjectNotFound, PartLength, VolumeFull } from '../../storage/index.js';
import { uploadNotFound } from '../uploads.problems.js';
import { type Lease, LeaseLost, type UploadLeases } from './upload-leases.js';
import type { UploadSession } from './upload-session.js';

/** Milliseconds: longer than the lease of a dead replica lasts. */
const PATIENCE = 12_000;

/** What is written, and until when. */
export interface WriterTurn {
  readonly session: UploadSession;
  readonly slot: number;
  /** Of the request's body. */
  readonly signal: AbortSignal;
  /** What is told while another request writes there. */
  readonly busy: () => Problem;
}

/**
 * Does `work` as the only writer of a slot. A newer request may have it, and then `ends` is aborted.
 * @throws Problem `busy()`, `request-timeout` (408), `upload-not-found` (404), `insufficient-storage` (507); what `work` throws
 */
export async function asWriter(
  leases: UploadLeases,
  { session, slot, signal, busy }: WriterTurn,
  work: (lease: Lease, ends: AbortSignal) => Promise<void>,
): Promise<void> {
  const lease = await leases.take(session, slot, { yields: true, patience: PATIENCE, signal });
  if (lease === undefined) throw busy();
  try {
    await work(lease, AbortSignal.any([signal, lease.signal]));
  } catch (error) {
    throw toProblem(lease.signal.aborted ? lease.signal.reason : error, busy);
  } finally {
    await lease.release();
  }
}

function toProblem(error: unknown, busy: () => Problem): unknown {
  if (error instanceof PartLength) return new Problem(requestTimeout, { cause: error });
  if (error instanceof LeaseLost) return busy();
  // Ended meanwhile, by its client or by a sweep.
  if (error instanceof ObjectNotFound) return uploadNotFound();
  return error instanceof VolumeFull ? insufficientStorage(error) : error;
}
