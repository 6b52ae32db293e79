import { type Problem, unavailable } from '../../../../common/problems/index.js';

/** The store did not answer, or answered that it cannot serve now. */
export class StoreAway extends Error {
  override readonly name = 'StoreAway';
}

/** The store answered with an error of its own (S3 API, "Error responses"). */
export class StoreError extends Error {
  override readonly name = 'StoreError';

  /** @param code such as `NoSuchKey`; empty when the answer had none */
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** 503 for a store that is away; undefined for every other error. */
export function storeProblem(error: unknown): Problem | undefined {
  return error instanceof StoreAway ? unavailable('the object store', error) : undefined;
}
