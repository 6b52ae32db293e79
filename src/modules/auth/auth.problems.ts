import { Problem, type ProblemKind } from '../../common/problems/index.js';
import { tooManyRequests } from '../../common/throttling/index.js';

const unauthenticatedKind: ProblemKind = {
  code: 'unauthenticated',
  status: 401,
  title: 'Credentials are missing or not valid',
};
const forbiddenKind: ProblemKind = { code: 'forbidden', status: 403, title: 'The caller may not do this' };

const identityNotAcceptedKind: ProblemKind = {
  code: 'identity-not-accepted',
  status: 403,
  title: 'The identity provider vouches for the caller, who has no account here and gets none',
};
const wrongPasswordKind: ProblemKind = {
  code: 'wrong-password',
  status: 403,
  title: 'The current password is wrong',
};
const sessionNotFoundKind: ProblemKind = {
  code: 'session-not-found',
  status: 404,
  title: 'The session does not exist',
};
const apiKeyNotFoundKind: ProblemKind = {
  code: 'api-key-not-found',
  status: 404,
  title: 'The API key does not exist',
};
const userNotFoundKind: ProblemKind = {
  code: 'user-not-found',
  status: 404,
  title: 'The user does not exist',
};
const tenantNotFoundKind: ProblemKind = {
  code: 'tenant-not-found',
  status: 404,
  title: 'The tenant does not exist',
};
const emailTakenKind: ProblemKind = {
  code: 'email-taken',
  status: 409,
  title: 'Another account has this e-mail address',
};
const slugTakenKind: ProblemKind = {
  code: 'slug-taken',
  status: 409,
  title: 'Another tenant has this slug',
};
const ownAccountKind: ProblemKind = {
  code: 'own-account',
  status: 409,
  title: 'This cannot be done to the account or the tenant that asks for it',
};
const tooManyApiKeysKind: ProblemKind = {
  code: 'too-many-api-keys',
  status: 409,
  title: 'The user has as many API keys as allowed',
};

/** No credentials were given (RFC 6750 §3: a bare challenge). */
export function unauthenticated(): Problem {
  return new Problem(unauthenticatedKind, {
    detail: 'Send Authorization: Bearer with an access token of POST /api/v1/auth/login, or X-API-Key.',
    headers: { 'WWW-Authenticate': 'Bearer' },
  });
}

/** Credentials were given and do not hold: expired, ended, of a disabled user, forged. All look alike. */
export function invalidCredentials(cause?: unknown): Problem {
  return new Problem(unauthenticatedKind, {
    detail: 'The access token or API key is not valid, or has ended.',
    headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
    cause,
  });
}

/** All that can be wrong with a refresh token looks alike. */
export function invalidRefreshToken(cause: unknown): Problem {
  return new Problem(unauthenticatedKind, {
    detail: 'The refresh token is not valid, or its session has ended. Log in again.',
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

/** @param cause for the log, which is where an admin looks who is asked */
export function identityNotAccepted(
  detail: string,
  { issuer, subject, reason }: { readonly issuer: string; readonly subject: string; readonly reason: string },
): Problem {
  return new Problem(identityNotAcceptedKind, { detail, cause: `${subject} of ${issuer}: ${reason}` });
}

export function wrongPassword(): Problem {
  return new Problem(wrongPasswordKind);
}

export function sessionNotFound(): Problem {
  return new Problem(sessionNotFoundKind);
}

export function apiKeyNotFound(): Problem {
  return new Problem(apiKeyNotFoundKind);
}

export function userNotFound(): Problem {
  return new Problem(userNotFoundKind);
}

export function tenantNotFound(): Problem {
  return new Problem(tenantNotFoundKind);
}

export function emailTaken(): Problem {
  return new Problem(emailTakenKind);
}

export function slugTaken(): Problem {
  return new Problem(slugTakenKind);
}

/** So that nobody locks the door behind them. */
export function ownAccount(detail: string): Problem {
  return new Problem(ownAccountKind, { detail });
}

export function tooManyApiKeys(most: number): Problem {
  return new Problem(tooManyApiKeysKind, { detail: `At most ${most}: revoke one first.` });
}
