import { Injectable, type PipeTransform } from '@nestjs/common';
import { Problem, validationFailed } from '../problems/index.js';
import { isBigIntId } from './big-int-id.js';

/** Lets through the text of an id in a path, and refuses everything else with 400. */
@Injectable()
export class BigIntIdPipe implements PipeTransform<unknown, string> {
  transform(value: unknown): string {
    if (isBigIntId(value)) return value;
    throw new Problem(validationFailed, { detail: 'An id is a whole number from 1 to 9223372036854775807.' });
  }
}
