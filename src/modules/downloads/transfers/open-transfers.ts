import type { ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';

/** Milliseconds for which an end is remembered: longer than a transfer that is being admitted takes to come here. */
const REMEMBERED = 5_000;

/** The answers that this process is sending, by logical download: what it can cut. Also of those whose end nginx tells. */
@Injectable()
export class OpenTransfers {
  private readonly responses = new Map<string, Set<ServerResponse>>();
  private readonly over = new Set<string>();

  /** Until the answer is closed. One whose download has just been ended is cut at once: its admission came before. */
  add(downloadId: string, response: ServerResponse): void {
    if (response.destroyed) return;
    const those = this.responses.get(downloadId) ?? new Set();
    this.responses.set(downloadId, those.add(response));
    response.once('close', () => {
      those.delete(response);
      if (those.size === 0) this.responses.delete(downloadId);
    });
    if (this.over.has(downloadId)) response.destroy();
  }

  /** @returns how many there were */
  cut(downloadId: string): number {
    if (!this.over.has(downloadId)) {
      this.over.add(downloadId);
      setTimeout(() => this.over.delete(downloadId), REMEMBERED).unref();
    }
    const running = [...(this.responses.get(downloadId) ?? [])].filter(({ destroyed }) => !destroyed);
    for (const response of running) response.destroy();
    return running.length;
  }

  /** The logical downloads that it is sending something of. */
  downloads(): readonly string[] {
    return [...this.responses.keys()];
  }
}
