import { Injectable } from '@nestjs/common';
import { tooManyRequests } from '../../../common/throttling/index.js';

/** Milliseconds that a change waits for those before it. */
const LONGEST_WAIT = 10_000;

/**
 * Changes by one user come one by one within this process. They would wait for each other in PostgreSQL anyway, for the user's
 * row: there each holds a connection while it waits, and whoever sends a hundred at once would hold all of them.
 */
@Injectable()
export class Turns {
  private readonly last = new Map<string, Promise<unknown>>();

  /** @throws what `work` throws, and Problem `too-many-requests` (429) when its turn does not come; then it does not run */
  async take<T>(userId: string, work: () => Promise<T>): Promise<T> {
    const before = this.last.get(userId) ?? Promise.resolve();
    const mine = this.runAfter(before, work);
    const over = Promise.allSettled([before, mine]);
    this.last.set(userId, over);
    try {
      return await mine;
    } finally {
      if (this.last.get(userId) === over) this.last.delete(userId);
    }
  }

  private async runAfter<T>(before: Promise<unknown>, work: () => Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(tooManyRequests('Too many changes at once. Try again shortly.', 1));
    }, LONGEST_WAIT);
    try {
      await Promise.race([before, late.promise]);
    } finally {
      clearTimeout(timer);
    }
    return work();
  }
}
