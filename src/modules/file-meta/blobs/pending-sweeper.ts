import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { PendingObjects } from './pending-objects.js';

/** Milliseconds between two sweeps of one replica. */
const INTERVAL = 10 * 60_000;

/** Sweeps when a replica starts, since a crash may be why it does, and from time to time. */
@Injectable()
export class PendingSweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Storage');
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly pending: PendingObjects) {}

  onApplicationBootstrap(): void {
    void this.sweep();
    this.timer = setInterval(() => void this.sweep(), INTERVAL);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** What fails now, the database away or the schema not yet there, is tried again the next time. */
  private async sweep(): Promise<void> {
    try {
      await this.pending.sweep();
    } catch (error) {
      this.logger.warn(`sweep put off: ${String(error)}`);
    }
  }
}
