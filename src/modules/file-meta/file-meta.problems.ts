import { payloadTooLarge, Problem, type ProblemKind } from '../../common/problems/index.js';

const fileNotFoundKind: ProblemKind = {
  code: 'file-not-found',
  status: 404,
  title: 'The file does not exist',
};
const fileGoneKind: ProblemKind = { code: 'file-gone', status: 410, title: 'The file existed and is gone' };
const grantNotFoundKind: ProblemKind = {
  code: 'grant-not-found',
  status: 404,
  title: 'The file has no such grant',
};
const tooManyGrantsKind: ProblemKind = {
  code: 'too-many-grants',
  status: 409,
  title: 'The file has as many grants as it may have',
};

const contentTypeNotAllowedKind: ProblemKind = {
  code: 'content-type-not-allowed',
  status: 415,
  title: 'Files of this type may not be uploaded',
};
const tooManyUploadsKind: ProblemKind = {
  code: 'too-many-uploads',
  status: 429,
  title: 'Too many uploads are unfinished',
};
const quotaExceededKind: ProblemKind = {
  code: 'quota-exceeded',
  status: 507,
  title: 'The file is more than the quota leaves',
};

/** Also for a file that the caller may not see: its existence is not told. */
export function fileNotFound(): Problem {
  return new Problem(fileNotFoundKind);
}

export function fileGone(): Problem {
  return new Problem(fileGoneKind, { detail: 'It was deleted or has expired.' });
}

/** Also for a grant of another file. */
export function grantNotFound(): Problem {
  return new Problem(grantNotFoundKind);
}

/** @param most grants of one file */
export function tooManyGrants(fileId: string, most: number): Problem {
  return new Problem(tooManyGrantsKind, {
    detail: `A file may have ${most} grants: file ${fileId} would have more. Revoke some, or grant to a role.`,
  });
}

/** @param detail which type, and who says so */
export function contentTypeNotAllowed(detail: string): Problem {
  return new Problem(contentTypeNotAllowedKind, { detail });
}

/** @param detail whose quota it is, and what is left of it */
export function quotaExceeded(detail: string): Problem {
  return new Problem(quotaExceededKind, { detail });
}

/** Seconds after which who was refused may ask again: uploads take a while. */
const RETRY_AFTER = 30;

/** @param detail of which there are too many */
export function tooManyUploads(detail: string): Problem {
  return new Problem(tooManyUploadsKind, { detail, headers: { 'Retry-After': String(RETRY_AFTER) } });
}

/** For what would be too much even if nothing else were uploaded. @param most bytes */
export function tooLargeInParts(most: number): Problem {
  return new Problem(payloadTooLarge, {
    detail: `Unfinished uploads of one user may have ${most} bytes together.`,
  });
}
