import { Problem, type ProblemKind } from '../../common/problems/index.js';

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
