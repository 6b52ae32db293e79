import { Problem, type ProblemKind } from '../../common/problems/index.js';

const tokenInvalidKind: ProblemKind = {
  code: 'token-invalid',
  status: 403,
  title: 'The download token opens nothing here',
};
const tokenExhaustedKind: ProblemKind = {
  code: 'token-exhausted',
  status: 403,
  title: 'The download token is used up',
};
const ipNotAllowedKind: ProblemKind = {
  code: 'ip-not-allowed',
  status: 403,
  title: 'The download token does not hold at this address',
};
const prefetchRefusedKind: ProblemKind = {
  code: 'prefetch-refused',
  status: 403,
  title: 'Downloads are not prefetched',
};
const downloadNotFoundKind: ProblemKind = {
  code: 'download-not-found',
  status: 404,
  title: 'The download does not exist',
};
const tooManyDownloadsKind: ProblemKind = {
  code: 'too-many-downloads',
  status: 429,
  title: 'Too many downloads at once',
};

/** Seconds. What ends one of the downloads is not known; asking more often than this helps nobody. */
const RETRY_AFTER = '5';

/** Unknown, expired, revoked, of another file, of somebody who may no longer give it: all look alike. */
export function tokenInvalid(cause: string): Problem {
  return new Problem(tokenInvalidKind, {
    detail: 'It does not exist, has ended, or is for something else.',
    cause,
  });
}

export function isTokenInvalid(error: unknown): boolean {
  return error instanceof Problem && error.kind === tokenInvalidKind;
}

export function tokenExhausted(): Problem {
  return new Problem(tokenExhaustedKind, { detail: 'All downloads that it allows were made.' });
}

export function ipNotAllowed(): Problem {
  return new Problem(ipNotAllowedKind);
}

export function prefetchRefused(): Problem {
  return new Problem(prefetchRefusedKind, {
    detail: 'A download begins when somebody asks for it, not before.',
  });
}

/** Also for one of another tenant. */
export function downloadNotFound(): Problem {
  return new Problem(downloadNotFoundKind);
}

/** @param detail what there is too much of */
export function tooManyDownloads(detail: string): Problem {
  return new Problem(tooManyDownloadsKind, { detail, headers: { 'Retry-After': RETRY_AFTER } });
}
