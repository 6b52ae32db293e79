import { Problem, type ProblemKind } from '../../common/problems/index.js';

const fileNotFoundKind: ProblemKind = {
  code: 'file-not-found',
  status: 404,
  title: 'The file does not exist',
};
const fileGoneKind: ProblemKind = { code: 'file-gone', status: 410, title: 'The file existed and is gone' };

/** Also for a file that the caller may not see: its existence is not told. */
export function fileNotFound(): Problem {
  return new Problem(fileNotFoundKind);
}

export function fileGone(): Problem {
  return new Problem(fileGoneKind, { detail: 'It was deleted or has expired.' });
}
