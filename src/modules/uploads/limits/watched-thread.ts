import { Piscina } from 'piscina';

/** Milliseconds that a thread may take to start: on a busy machine seconds. */
const START = 10_000;

/** MiB of the thread's heap. */
const HEAP = 32;

/** Milliseconds: starting it costs more than keeping it. */
const IDLE = 600_000;

/**
 * A thread that does one task at a time, for code that may not come to an end, or may want all memory. It is ended then; the next task
 * starts another.
 */
export class WatchedThread<Task, Result> {
  private readonly pool: Piscina<Task, Result>;
  /** The one before: so each has its whole deadline for itself. */
  private last: Promise<unknown> = Promise.resolve();

  /**
   * @param filename URL of a module whose default export does the task
   * @param deadline of one task, milliseconds, without the start of the thread
   */
  constructor(
    filename: string,
    private readonly deadline: number,
  ) {
    this.pool = new Piscina({
      filename,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: IDLE,
      resourceLimits: { maxOldGenerationSizeMb: HEAP },
    });
  }

  /** @throws AbortError when it takes too long; what the task throws */
  run(task: Task): Promise<Result> {
    const turn = this.last.then(() => this.begin(task));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  async end(): Promise<void> {
    await this.pool.destroy();
  }

  private async begin(task: Task): Promise<Result> {
    const late = new AbortController();
    const isThere = this.pool.threads.length > 0;
    const timer = setTimeout(
      () => {
        late.abort();
      },
      isThere ? this.deadline : START + this.deadline,
    );
    try {
      return await this.pool.run(task, { signal: late.signal });
    } finally {
      clearTimeout(timer);
    }
  }
}
