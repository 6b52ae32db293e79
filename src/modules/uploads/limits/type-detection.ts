import { extname } from 'node:path';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { unavailable } from '../../../common/problems/index.js';
import { ContentTypePolicy } from '../../file-meta/index.js';
import { mediaTypeOf } from './media-type-of.js';
import { WatchedThread } from './watched-thread.js';

/** Bytes that are looked at. */
export const SAMPLE_LENGTH = 4_100;

/** Milliseconds; it takes less than one. */
const DEADLINE = 2_000;

/** What contents look like. Hostile files have made the parsers that tell run for ever, more than once: so they have a thread of their own. */
@Injectable()
export class TypeDetection implements OnApplicationShutdown {
  private readonly logger = new Logger('Uploads');
  private readonly thread = new WatchedThread<Uint8Array, string | undefined>(
    new URL(`./detect-type-worker${extname(import.meta.url)}`, import.meta.url).href,
    DEADLINE,
  );

  constructor(private readonly policy: ContentTypePolicy) {}

  /**
   * @param firstBytes of a content; all of it when it is shorter than `SAMPLE_LENGTH`, of which no more is looked at
   * @returns a media type in lower case without parameters; undefined for what looks like nothing known, as text does
   * @throws Problem `dependency-unavailable` (503) when it cannot be told and types are restricted: else a content that cannot be looked
   * at would pass
   */
  async detectType(firstBytes: Uint8Array): Promise<string | undefined> {
    if (firstBytes.length === 0) return undefined;
    try {
      // A copy: a view would take all of the buffer behind it along.
      return mediaTypeOf(await this.thread.run(Uint8Array.from(firstBytes.subarray(0, SAMPLE_LENGTH))));
    } catch (error) {
      if (this.policy.restricts) throw unavailable('the detection of content types', error);
      this.logger.warn(`the type of a content could not be detected: ${String(error)}`);
      return undefined;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.thread.end();
  }
}
