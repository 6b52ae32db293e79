import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { type Subject, Versions } from './versions.js';

/** To be called when the rows of the subjects are locked, and before they are changed. */
export type Announce = (...subjects: Subject[]) => Promise<void>;

/** Changes rights so that the next request on every replica knows of it (RULES 3.1). */
@Injectable()
export class RevokingTransaction {
  private readonly logger = new Logger(RevokingTransaction.name);

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly versions: Versions,
  ) {}

  /** @throws what `work` throws, and 503 when Redis cannot be told; then nothing is committed */
  async run<T>(work: (transaction: EntityManager, announce: Announce) => Promise<T>): Promise<T> {
    const announced: (() => Promise<void>)[] = [];
    const state = { toBeCommitted: false };
    try {
      const result = await this.database.transaction(async (transaction) => {
        const done = await work(transaction, async (...subjects) => {
          announced.push(await this.versions.announce(subjects));
        });
        state.toBeCommitted = true;
        return done;
      });
      await this.settle(announced);
      return result;
    } catch (error) {
      // Of a COMMIT that failed it is not always known whether it was done. Then, and when Redis does not answer any more, nobody
      // keeps what is loaded until the announcement has expired.
      if (!state.toBeCommitted) await this.settle(announced);
      throw error;
    }
  }

  private async settle(announced: readonly (() => Promise<void>)[]): Promise<void> {
    for (const settle of announced) {
      await settle().catch((error: unknown) => {
        this.logger.warn(`a change is over, but its new version is not set: ${String(error)}`);
      });
    }
  }
}
