import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { StoreAway } from './store-problems.js';

/** Bytes that wait for the reader, beside what is in the socket. */
const WAITING = 64 * 1024;

/**
 * The body of an answer. Fails, and never ends early, when the store breaks off, or sends nothing for `patience` milliseconds
 * though it is asked to. A reader that pauses is not hurried: while it does the store is not read, and not blamed.
 */
export class StoreBody extends Readable {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly response: IncomingMessage,
    private readonly patience: number,
  ) {
    super({ highWaterMark: WAITING });
    response
      .on('data', (chunk: Buffer) => {
        if (this.push(chunk)) this.timer?.refresh();
        else this.rest();
      })
      .on('end', () => {
        this.rest();
        this.push(null);
      })
      .on('error', (cause) => this.destroy(new StoreAway('the answer broke off', { cause })))
      .on('close', () => {
        if (!response.complete) this.destroy(new StoreAway('the answer broke off'));
      })
      .pause();
  }

  override _read(): void {
    this.timer ??= setTimeout(() => {
      this.destroy(new StoreAway(`no byte within ${this.patience} ms`));
    }, this.patience);
    this.response.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.rest();
    this.response.destroy();
    done(error);
  }

  private rest(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.response.pause();
  }
}
