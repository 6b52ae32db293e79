import { Injectable } from '@nestjs/common';
import { randomText } from '../admission/random-text.js';

/** This life of the application, as the one that tells of the ends of the transfers that no nginx sends. */
@Injectable()
export class ProcessInstance {
  readonly id = `app-${randomText()}`;
}
