import { ObjectExists, ObjectNotFound, VolumeFull } from '../../object-store.js';
import { PartMissing } from '../../part-store.js';
import { contentMissing } from '../../storage.problems.js';
import { StoreError, storeProblem } from './store-problems.js';

const TAKEN = new Set(['PreconditionFailed', 'ConditionalRequestConflict', 'OperationAborted']);
const MISSING = new Set(['NoSuchKey', 'NotFound', 'NoSuchUpload']);
const FULL = new Set([
  'XMinioStorageFull',
  'XMinioAdminBucketQuotaExceeded',
  'QuotaExceeded',
  'InsufficientStorage',
  'EntityTooLarge',
]);

/** What the ports of a volume say, for what a store says; other errors as they are. */
export function objectError(error: unknown): unknown {
  if (!(error instanceof StoreError)) return storeProblem(error) ?? error;
  if (error.code === 'InvalidRange') return contentMissing(error);
  if (error.code === 'InvalidPart') return new PartMissing('the store has not all parts', { cause: error });
  if (TAKEN.has(error.code)) return new ObjectExists('the key is taken', { cause: error });
  if (MISSING.has(error.code)) return new ObjectNotFound('no such object', { cause: error });
  if (FULL.has(error.code)) return new VolumeFull('no room', { cause: error });
  return error;
}

/** The result of `work`, or what a port says of its failure. */
export async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw objectError(error);
  }
}
