import { Problem, validationFailed } from '../problems/index.js';
import { registerDecorator, type ValidationOptions } from 'class-validator';

const MAX_BIGINT = 2n ** 63n - 1n;

/** Such a text in the OpenAPI document. */
export const BIG_INT_ID = { type: 'string', pattern: '^[1-9]\\d{0,18}$' } as const;

/** Whether it is the decimal text of a PostgreSQL identity: 1 … 2^63 − 1. */
export function isBigIntId(value: unknown): value is string {
  return typeof value === 'string' && /^[1-9]\d{0,18}$/.test(value) && BigInt(value) <= MAX_BIGINT;
}

/** @throws Problem `validation-failed` (400) for everything else */
export function bigIntId(value: unknown): string {
  if (isBigIntId(value)) return value;
  throw new Problem(validationFailed, { detail: 'An id is a whole number from 1 to 9223372036854775807.' });
}

/** The member of a DTO is such a text; with `each` it is a list of them. */
export function IsBigIntId(options: Pick<ValidationOptions, 'each'> = {}): PropertyDecorator {
  return (target, property) => {
    registerDecorator({
      name: 'isBigIntId',
      target: target.constructor,
      propertyName: String(property),
      options,
      validator: {
        validate: isBigIntId,
        defaultMessage: () => 'must be an id: a whole number from 1 to 9223372036854775807, as a string',
      },
    });
  };
}
