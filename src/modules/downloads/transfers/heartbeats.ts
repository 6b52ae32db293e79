import { Logger } from '@nestjs/common';

/** Milliseconds between two questions, and until one has failed. */
const EVERY = 2_000;
const PATIENCE = 1_000;
/** Milliseconds without a line of the log although nginx answers. */
const SILENCE = 10_000;

/**
 * Asks nginx again and again, so that even without any downloads there is a line in its log that proves it alive. The answer itself
 * proves nothing: what counts is the line.
 */
export class Heartbeats {
  private readonly logger = new Logger('Transfers');
  private readonly timer: NodeJS.Timeout;
  private readonly end = new AbortController();
  private lastLine = performance.now();
  private complaint: string | undefined;

  /** @param statusUrl of nginx's listener for this machine alone */
  constructor(
    private readonly statusUrl: string,
    private readonly accessLog: string,
  ) {
    this.timer = setInterval(() => void this.ask(), EVERY);
    void this.ask();
  }

  /** The log goes on. */
  seen(): void {
    this.lastLine = performance.now();
  }

  stop(): void {
    clearInterval(this.timer);
    this.end.abort();
  }

  /** Never rejects. */
  private async ask(): Promise<void> {
    const signal = AbortSignal.any([this.end.signal, AbortSignal.timeout(PATIENCE)]);
    try {
      const answer = await fetch(new URL('/heartbeat', this.statusUrl), { signal });
      await answer.body?.cancel();
      if (answer.status !== 204) throw new Error(`it says ${answer.status}`);
      const silent = performance.now() - this.lastLine > SILENCE;
      this.say(silent ? `nginx answers, but ${this.accessLog} has no lines of it` : undefined);
    } catch (error) {
      if (!this.end.signal.aborted)
        this.say(`nginx does not answer at ${this.statusUrl}: ${reasonOf(error)}`);
    }
  }

  /** Once, not at each question. */
  private say(complaint: string | undefined): void {
    if ((complaint === undefined) === (this.complaint === undefined)) return;
    this.complaint = complaint;
    if (complaint === undefined) this.logger.log('nginx answers, and its log is read');
    else this.logger.warn(`${complaint}; its open transfers will count as ended`);
  }
}

/** fetch() hides what happened in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
