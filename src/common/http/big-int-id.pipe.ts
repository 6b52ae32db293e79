import { Injectable, type PipeTransform } from '@nestjs/common';
import { Problem, validationFailed } from '../problems/index.js';

const MAX_BIGINT = 2n ** 63n - 1n;

/** Lets through the decimal text of a PostgreSQL identity (1 … 2^63 − 1) and refuses everything else with 400. */
@Injectable()
export class BigIntIdPipe implements PipeTransform<unknown, string> {
  transform(value: unknown): string {
    if (typeof value === 'string' && /^[1-9]\d{0,18}$/.test(value) && BigInt(value) <= MAX_BIGINT)
      return value;
    throw new Problem(validationFailed, { detail: 'An id is a whole number from 1 to 9223372036854775807.' });
  }
}
