/** Blobs and their bytes. */
export interface Amount {
  readonly blobs: number;
  readonly bytes: number;
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** How far a move is, and how long it will take. */
export class MoveProgress {
  private blobs = 0;
  private bytes = 0;

  /** @param now milliseconds, of a clock that only goes forward */
  constructor(
    private readonly total: Amount,
    private readonly now: () => number = () => performance.now(),
    private readonly since = now(),
  ) {}

  get done(): Amount {
    return { blobs: this.blobs, bytes: this.bytes };
  }

  add(bytes: number): void {
    this.blobs += 1;
    this.bytes += bytes;
  }

  seconds(): number {
    return (this.now() - this.since) / 1_000;
  }

  line(): string {
    const { total, blobs, bytes } = this;
    const rate = bytes / Math.max(this.seconds(), 0.001);
    const left = Math.max(total.bytes - bytes, 0);
    const parts = [
      `${blobs} of ${total.blobs} blobs`,
      `${amount(bytes)} of ${amount(total.bytes)}`,
      `${(rate / MIB).toFixed(1)} MiB/s`,
    ];
    if (rate > 0 && left > 0) parts.push(`about ${duration(left / rate)} left`);
    return parts.join(', ');
  }
}

function amount(bytes: number): string {
  return bytes < GIB ? `${(bytes / MIB).toFixed(1)} MiB` : `${(bytes / GIB).toFixed(1)} GiB`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  const minutes = seconds / 60;
  return minutes < 90 ? `${Math.ceil(minutes)} min` : `${(minutes / 60).toFixed(1)} h`;
}
