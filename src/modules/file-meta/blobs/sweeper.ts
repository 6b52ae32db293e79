import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { BlobTrash } from './blob-trash.js';
import { PendingObjects } from './pending-objects.js';

/** Milliseconds between two sweeps of one replica. */
const INTERVAL = 10 * 60_000;

/** Sweeps when a replica starts, since a crash may be why it does, and from time to time. */
@Injectable()
export class Sweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly end = new AbortController();
  private sweeping = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly pending: PendingObjects,
    private readonly trash: BlobTrash,
  ) {}

  onApplicationBootstrap(): void {
    void this.sweep();
    this.timer = setInterval(() => void this.sweep(), INTERVAL);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
    this.end.abort();
  }

  /** The one before may still be at work. */
  private async sweep(): Promise<void> {
    if (this.sweeping) return;
    this.sweeping = true;
    await this.pending.sweep(this.end.signal);
    await this.trash.sweep(this.end.signal);
    this.sweeping = false;
  }
}
