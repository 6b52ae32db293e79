import { type Problem, unavailable } from '../../../../common/problems/index.js';

/** The store did not answer, or answered that it cannot serve now. */
export class StoreAway extends Error {
  override readonly name = 'StoreAway';
  /** Whether it may have done what it was asked for: if not, it can be asked again, whatever that was. */
  readonly acted: boolean;

  constructor(message: string, { acted = true, cause }: { acted?: boolean; cause?: unknown } = {}) {
    super(message, { cause });
    this.acted = acted;
  }
}

/** The store answered with an error of its own (S3 API, "Error responses"). */
export class StoreError extends Error {
  override readonly name = 'StoreError';

  /** @param code such as `NoSuchKey`; from the status when the answer had none, as to HEAD; empty when that says nothing either */
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Codes of an answer without a document. */
const CODES: Readonly<Record<number, string>> = {
  301: 'MovedPermanently',
  307: 'TemporaryRedirect',
  403: 'AccessDenied',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'ConditionalRequestConflict',
  412: 'PreconditionFailed',
  416: 'InvalidRange',
  501: 'NotImplemented',
  507: 'InsufficientStorage',
};

/** Statuses and codes that say "not now"; 499 and 520 come from MinIO and from proxies. */
const AWAY_STATUSES = new Set([408, 429, 499, 500, 502, 503, 504, 520]);
const AWAY_CODES = new Set(['InternalError', 'SlowDown', 'ServiceUnavailable', 'RequestTimeout']);
/** Those that have done nothing (RFC 9110 §15.6.4, RFC 6585 §4). */
const IDLE_STATUSES = new Set([429, 503]);

/** What an answer means that is none of those hoped for. */
export function refusal(
  status: number,
  { code = CODES[status] ?? '', message = '' }: { code?: string; message?: string },
): StoreAway | StoreError {
  const said = `the store answered ${status} ${code} ${message}`.trim();
  return AWAY_STATUSES.has(status) || AWAY_CODES.has(code)
    ? new StoreAway(said, { acted: !IDLE_STATUSES.has(status) })
    : new StoreError(code, said);
}

/** 503 for a store that is away; undefined for every other error. */
export function storeProblem(error: unknown): Problem | undefined {
  return error instanceof StoreAway ? unavailable('the object store', error) : undefined;
}
