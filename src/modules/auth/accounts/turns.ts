import { Injectable } from '@nestjs/common';

/**
 * Changes by one user come one by one within this process. They would wait for each other in PostgreSQL anyway, for the user's
 * row: there each holds a connection while it waits, and whoever sends a hundred at once would hold all of them.
 */
@Injectable()
export class Turns {
  private readonly last = new Map<string, Promise<unknown>>();

  async take<T>(userId: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.last.get(userId) ?? Promise.resolve()).then(work);
    const over = mine.catch(() => undefined);
    this.last.set(userId, over);
    try {
      return await mine;
    } finally {
      if (this.last.get(userId) === over) this.last.delete(userId);
    }
  }
}
