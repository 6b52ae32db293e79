import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Sweeper } from './sweeper.js';

/** Milliseconds between two sweeps of one replica; with jitter, so that the replicas of one start do not meet each time. */
const INTERVAL = 10 * 60_000;

/** Sweeps when a replica starts, since a crash may be why it does, and from time to time. */
@Injectable()
export class SweepSchedule implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Sweep');
  private readonly end = new AbortController();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly sweeper: Sweeper) {}

  onApplicationBootstrap(): void {
    void this.sweep();
  }

  onApplicationShutdown(): void {
    clearTimeout(this.timer);
    this.end.abort();
  }

  /** Another replica that is at it does this one's work. */
  private async sweep(): Promise<void> {
    const { signal } = this.end;
    await this.sweeper.sweep(signal).catch((error: unknown) => {
      if (!signal.aborted) this.logger.warn(`no sweep now: ${String(error)}`);
    });
    if (signal.aborted) return;
    this.timer = setTimeout(() => void this.sweep(), INTERVAL * (0.75 + Math.random() / 2));
  }
}
