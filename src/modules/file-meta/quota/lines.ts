import { setTimeout as sleep } from 'node:timers/promises';

interface Line {
  running: number;
  readonly waiting: Set<() => void>;
}

/** Work of the same kind stands in line within this process: only so much of it is done at once. */
export class Lines {
  private readonly lines = new Map<string, Line>();

  /**
   * @param width what is done at once of a kind
   * @param patience milliseconds that work waits
   */
  constructor(
    private readonly width: number,
    private readonly patience: number,
  ) {}

  /** @throws what `work` throws, and `late()` when its turn does not come; then it does not run */
  async take<T>(kind: string, work: () => Promise<T>, late: () => Error): Promise<T> {
    const line = this.lines.get(kind) ?? { running: 0, waiting: new Set() };
    this.lines.set(kind, line);
    if (line.running < this.width) line.running += 1;
    else await this.wait(line, late);
    try {
      return await work();
    } finally {
      this.leave(kind, line);
    }
  }

  /** Who leaves hands its place on. */
  private async wait({ waiting }: Line, late: () => Error): Promise<void> {
    const turn = Promise.withResolvers<undefined>();
    const come = (): void => {
      turn.resolve(undefined);
    };
    waiting.add(come);
    const end = new AbortController();
    const tooLate = sleep(this.patience, undefined, { signal: end.signal }).then(() => {
      // Not, when the place has just been handed on.
      if (waiting.delete(come)) turn.reject(late());
    });
    tooLate.catch(() => undefined);
    try {
      await turn.promise;
    } finally {
      end.abort();
    }
  }

  private leave(kind: string, line: Line): void {
    const [next] = line.waiting;
    if (next !== undefined) {
      line.waiting.delete(next);
      next();
      return;
    }
    line.running -= 1;
    if (line.running === 0) this.lines.delete(kind);
  }
}
