/** What a kind of failure says to the caller. Defined by the module that knows it (`*.problems.ts`). */
export interface ProblemKind {
  /** Stable slug, documented in docs/problems.md. */
  readonly code: string;
  readonly status: number;
  /** Short, the same for every occurrence (RFC 9457 §3.1.3). */
  readonly title: string;
}

/** One wrong member of a request, for `errors[]`. */
export interface FieldError {
  /** Name of the member, as the caller wrote it. */
  readonly field: string;
  readonly message: string;
}

export interface ProblemOptions {
  /** Public text about this occurrence; never a secret, never another caller's facts. */
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  /** Extra response headers, such as `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The private reason: goes to the log only. */
  readonly cause?: unknown;
}

/** An error with a public face: rendered as `application/problem+json` (RFC 9457) by the one filter. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly detail: string | undefined;
  readonly errors: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly kind: ProblemKind,
    options: ProblemOptions = {},
  ) {
    super(options.detail ?? kind.title, options.cause === undefined ? undefined : { cause: options.cause });
    this.detail = options.detail;
    this.errors = options.errors;
    this.headers = options.headers ?? {};
  }
}
