/** How a process ends. What a shell does with a signal is 128 + its number. */
export const EXIT = { done: 0, failed: 1, usage: 2, differs: 3, interrupted: 130, terminated: 143 } as const;

/** What a person is told instead of a stack trace. */
export class Failure extends Error {
  constructor(
    message: string,
    readonly exitCode: number = EXIT.failed,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The command itself is wrong. */
export class UsageError extends Failure {
  constructor(message: string) {
    super(message, EXIT.usage);
  }
}

/** The bytes are not those that they should be. */
export class Differs extends Failure {
  constructor(message: string) {
    super(message, EXIT.differs);
  }
}

/** The file at hand is no longer the one that the command began with. */
export class FileChanged extends Failure {}

/** Of the system's error, the code: its message would repeat what is said already. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && typeof error.code === 'string') return error.code;
  // What `fetch` throws says "fetch failed"; why stands in its cause.
  return error.cause instanceof Error ? codeOf(error.cause) : error.message;
}
