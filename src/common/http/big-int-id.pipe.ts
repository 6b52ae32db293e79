import { Injectable, type PipeTransform } from '@nestjs/common';
import { bigIntId } from './big-int-id.js';

/** Lets through the text of an id in a path, and refuses everything else with 400. */
@Injectable()
export class BigIntIdPipe implements PipeTransform<unknown, string> {
  transform(value: unknown): string {
    return bigIntId(value);
  }
}
