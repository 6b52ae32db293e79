import { Problem, type ProblemKind } from '../../common/problems/index.js';
import { tooManyRequests } from '../../common/throttling/index.js';

const unauthenticatedKind: ProblemKind = {
  code: 'unauthenticated',
  status: 401,
  title: 'Credentials are missing or not valid',
};
const forbiddenKind: ProblemKind = { code: 'forbidden', status: 403, title: 'The caller may not do this' };

/** No credentials were given (RFC 6750 §3: a bare challenge). */
export function unauthenticated(): Problem {
  return new Problem(unauthenticatedKind, {
    detail: 'Send Authorization: Bearer with an access token of POST /api/v1/auth/login.',
    headers: { 'WWW-Authenticate': 'Bearer' },
  });
}

/** Credentials were given and do not hold: expired, ended, of a disabled user, forged. All look alike. */
export function invalidCredentials(cause?: unknown): Problem {
  return new Problem(unauthenticatedKind, {
    detail: 'The access token is not valid, or its session has ended. Log in again.',
    headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
    cause,
  });
}

export function wrongLogin(): Problem {
  return new Problem(unauthenticatedKind, {
    detail: 'The e-mail address or the password is wrong.',
    headers: { 'WWW-Authenticate': 'Bearer' },
  });
}

export function forbidden(detail?: string): Problem {
  return new Problem(forbiddenKind, detail === undefined ? {} : { detail });
}

/** More logins at once than the password hashing is allowed to take (RULES 9). */
export function tooManyLogins(): Problem {
  return tooManyRequests('Too many logins at once. Try again shortly.', 2);
}
