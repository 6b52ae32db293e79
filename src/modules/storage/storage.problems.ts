import { Problem, type ProblemKind } from '../../common/problems/index.js';

const insufficientStorageKind: ProblemKind = {
  code: 'insufficient-storage',
  status: 507,
  title: 'There is no room for the file',
};
const rangeNotSatisfiableKind: ProblemKind = {
  code: 'range-not-satisfiable',
  status: 416,
  title: 'No requested range lies within the file',
};
const contentMissingKind: ProblemKind = {
  code: 'content-missing',
  status: 502,
  title: 'The content of the file is not in its place',
};
const credentialsUnavailableKind: ProblemKind = {
  code: 'credentials-unavailable',
  status: 422,
  title: 'No credentials of the store can be given for these files',
};
const directUploadUnavailableKind: ProblemKind = {
  code: 'direct-upload-unavailable',
  status: 422,
  title: 'The file cannot be sent to the store directly',
};
const notDeliverableKind: ProblemKind = {
  code: 'not-deliverable',
  status: 422,
  title: 'The file cannot be delivered under these limits',
};

/** The bytes are gone or are not the ones that were stored: nothing is sent under our validators. */
export function contentMissing(cause: unknown): Problem {
  return new Problem(contentMissingKind, { cause });
}

export function isContentMissing(error: unknown): boolean {
  return error instanceof Problem && error.kind === contentMissingKind;
}

export function insufficientStorage(cause: unknown): Problem {
  return new Problem(insufficientStorageKind, { cause });
}

/** RFC 9110 §15.5.17: tells the size, so that the client can ask again. */
export function rangeNotSatisfiable(size: number): Problem {
  return new Problem(rangeNotSatisfiableKind, {
    detail: `The file has ${size} bytes.`,
    headers: { 'Content-Range': `bytes */${size}`, 'Accept-Ranges': 'bytes' },
  });
}

/** @param detail why not */
export function credentialsUnavailable(detail: string, cause?: unknown): Problem {
  return new Problem(credentialsUnavailableKind, { detail, ...(cause !== undefined && { cause }) });
}

/** @param detail which limit does not go together with what */
export function notDeliverable(detail: string): Problem {
  return new Problem(notDeliverableKind, { detail });
}

/** @param detail why not, and what to do instead */
export function directUploadUnavailable(detail: string): Problem {
  return new Problem(directUploadUnavailableKind, { detail });
}
