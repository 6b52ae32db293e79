import { Logger } from '@nestjs/common';
import { parseAccessLogLine, type TransferLine } from './access-log-line.js';
import type { TransferReports } from './transfer-reports.js';

/** Milliseconds between two signs of life of one instance, and between two warnings. */
const BEAT_EVERY = 1_000;
const WARN_EVERY = 60_000;

/** Reads lines of the log and hands on what they say. */
export class TransferLines {
  private readonly logger = new Logger('Transfers');
  /** When each instance was last reported alive, by the monotonic clock. */
  private readonly beats = new Map<string, number>();
  private unreadable = 0;
  private nextWarning = 0;

  constructor(private readonly reports: TransferReports) {}

  /** @throws what the reports throw: the lines have not been taken */
  async take(texts: readonly string[]): Promise<void> {
    const lines: TransferLine[] = [];
    for (const text of texts) {
      const line = parseAccessLogLine(text);
      if (line === undefined) this.unreadable += 1;
      else lines.push(line);
    }
    this.warn();
    await this.beat(new Set(lines.map(({ instance }) => instance)));
    const ended = lines.filter(isDownload);
    if (ended.length > 0) await this.reports.ended(ended);
  }

  private async beat(instances: ReadonlySet<string>): Promise<void> {
    const now = performance.now();
    for (const [instance, at] of this.beats) if (now - at >= BEAT_EVERY) this.beats.delete(instance);
    for (const instance of instances) {
      if (this.beats.has(instance)) continue;
      await this.reports.alive(instance);
      this.beats.set(instance, now);
    }
  }

  private warn(): void {
    const now = performance.now();
    if (this.unreadable === 0 || now < this.nextWarning) return;
    this.logger.warn(`${this.unreadable} lines of the access log of nginx could not be read`);
    this.unreadable = 0;
    this.nextWarning = now + WARN_EVERY;
  }
}

/** However the client writes the path (`/%64ownload/1`), what has a download's id is one. */
function isDownload({ path, downloadId }: TransferLine): boolean {
  return downloadId !== undefined || path.startsWith('/download/');
}
