import pg from 'pg';

/** A read answers within this or the caller gets a 503 "within a second" (DESIGN §6); milliseconds. */
export const READ_DEADLINE = 400;
/** A write may wait for an fsync behind a large upload on the same disk; milliseconds. */
export const WRITE_DEADLINE = 5_000;
/** Opening a connection, or waiting for a free one of the pool; milliseconds. */
export const CONNECT_DEADLINE = 750;

export class QueryDeadlineExceeded extends Error {
  override readonly name = 'QueryDeadlineExceeded';
}

/** The server cannot be connected to. */
export class DatabaseConnectionError extends Error {
  override readonly name = 'DatabaseConnectionError';
}

/**
 * A connection that is closed when a query misses its deadline. node-postgres' own `query_timeout` forgets the
 * query and drops those queued behind it, such as a ROLLBACK: the connection would go back to the pool
 * inside a transaction that nobody ends. After a missed deadline its state is unknown, so it is not used again.
 */
export class DeadlineClient extends pg.Client {
  override connect(): Promise<this>;
  override connect(callback: (error: Error | null) => void): void;
  override connect(callback?: (error: Error | null) => void): Promise<this> | undefined {
    const named = (cause: unknown): Error =>
      new DatabaseConnectionError('cannot connect to PostgreSQL', { cause });
    if (callback === undefined) {
      return super.connect().then(
        () => this,
        (cause: unknown) => {
          throw named(cause);
        },
      );
    }
    // The pool's form. No error is null or undefined, as node-postgres has it.
    super.connect((error: Error | null) => {
      callback((error as Error | undefined) ? named(error) : error);
    });
    return undefined;
  }

  // The overloads of pg.Client.query do not describe a wrapper; TypeORM uses the promise form only.
  override query(...parameters: unknown[]): never {
    const running: unknown = (super.query as (...all: unknown[]) => unknown).apply(this, parameters);
    if (!(running instanceof Promise)) return running as never;
    return this.withinDeadline(running, deadlineOf(parameters[0])) as never;
  }

  private async withinDeadline(running: Promise<unknown>, deadline: number): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    let answered = false;
    const late = new Promise<never>((_, reject) => {
      const giveUp = (): void => {
        if (answered) return;
        const error = new QueryDeadlineExceeded(`no answer within ${deadline} ms`);
        reject(error);
        // The socket goes first: a graceful end would wait behind the query that does not answer.
        (
          this as unknown as { connection: { stream: { destroy(cause: Error): void } } }
        ).connection.stream.destroy(error);
      };
      // A busy event loop fires the timer before it has looked at the sockets: an answer that is there already counts.
      timer = setTimeout(() => setImmediate(() => setImmediate(giveUp)), deadline);
    });
    try {
      return await Promise.race([running, late]);
    } finally {
      answered = true;
      clearTimeout(timer);
    }
  }
}

function deadlineOf(query: unknown): number {
  return typeof query === 'string' &&
    /^\s*select\b/i.test(query) &&
    !/\bfor\s+(update|share|no key|key)\b/i.test(query)
    ? READ_DEADLINE
    : WRITE_DEADLINE;
}
