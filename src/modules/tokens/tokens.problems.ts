import { Problem, type ProblemKind } from '../../common/problems/index.js';

const tokenNotFoundKind: ProblemKind = {
  code: 'token-not-found',
  status: 404,
  title: 'The download token does not exist',
};
const tooManyTokensKind: ProblemKind = {
  code: 'too-many-tokens',
  status: 409,
  title: 'The user has as many download tokens as allowed',
};

/** Also for one that the caller may not revoke. */
export function tokenNotFound(): Problem {
  return new Problem(tokenNotFoundKind);
}

export function tooManyTokens(most: number): Problem {
  return new Problem(tooManyTokensKind, { detail: `At most ${most} that live: revoke some, or wait.` });
}
