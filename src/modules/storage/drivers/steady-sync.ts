import type { FileHandle } from 'node:fs/promises';

/** Bytes after which the disk is given what has come. */
const STEP = 4 * 2 ** 20;

/** Has a file brought to its disk while it is written, so that little is left to wait for at the end. */
export class SteadySync {
  private given = 0;
  private isRunning = false;
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly file: FileHandle) {}

  /** Waits for nothing. @param length bytes that have been written until now */
  wrote(length: number): void {
    if (this.isRunning || length - this.given < STEP) return;
    this.given = length;
    this.isRunning = true;
    // A failure is told once, to whoever asks first: after one nothing more is begun, and `end` passes it on.
    this.running = this.file.datasync().then(() => {
      this.isRunning = false;
    });
    this.running.catch(() => undefined);
  }

  /** When it resolves, all that was written survives a crash of the machine. */
  async end(): Promise<void> {
    await this.running;
    await this.file.datasync();
  }
}
