import type { Credentials } from './credentials.js';
import { codeOf, EXIT, Failure } from './failures.js';
import { Passing, type Patience, persistently } from './retry.js';

/** A file as the service describes it (`File` of openapi.json), as far as it is used here. */
export interface FileJson {
  readonly id: string;
  readonly filename: string;
  readonly size: number;
  readonly sha256: string;
}

/** What the service says instead of an answer (RFC 9457). `code` is stable: programs decide by it. */
export class Refusal extends Failure {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message, code === 'digest-mismatch' ? EXIT.differs : EXIT.failed);
  }
}

export interface Call {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly json?: unknown;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default true; false: when nobody knows whether it has arrived, it is not sent again. */
  readonly repeatable?: boolean;
}

/** Statuses that pass, beside a busy upload: the service, or what it depends on, is away or has too much to do. */
const PASSING = [408, 429, 502, 503, 504];

/** Requests to one service, tried again where that helps. */
export class Service {
  /** Whether it has ever answered: a host that never did is more likely wrong than away. */
  private hasAnswered = false;

  /** @param url origin of the service */
  constructor(
    readonly url: URL,
    private readonly credentials: Credentials,
    readonly patience: Patience,
  ) {}

  /** The same, given up also when `signal` says so. */
  until(signal: AbortSignal): Service {
    const { patience } = this;
    const service = new Service(this.url, this.credentials, {
      ...patience,
      signal: AbortSignal.any([patience.signal, signal]),
    });
    service.hasAnswered = this.hasAnswered;
    return service;
  }

  /** @returns an answer of 2xx or 3xx. @throws Refusal, or Failure when it cannot be reached */
  send(path: string, call: Call = {}): Promise<Response> {
    return persistently(() => this.once(path, call), this.patience);
  }

  async json<T>(path: string, call: Call = {}): Promise<T> {
    const response = await this.send(path, call);
    try {
      return (await response.json()) as T;
    } catch {
      this.patience.signal.throwIfAborted();
      throw this.isNoService();
    }
  }

  /** One attempt. @param target a path of the service, or a URL elsewhere, which gets no credentials. @throws also `Passing` */
  async once(target: string | URL, call: Call = {}): Promise<Response> {
    const { method = 'GET', json, body = json === undefined ? undefined : JSON.stringify(json) } = call;
    const url = new URL(target, this.url);
    const headers = {
      'User-Agent': 'download-service-cli',
      ...(url.origin === this.url.origin && this.credentials),
      ...(json !== undefined && { 'Content-Type': 'application/json' }),
      ...call.headers,
    };
    let response: Response;
    try {
      // Redirects lead elsewhere: whoever asked decides what goes there.
      response = await fetch(url, {
        method,
        headers,
        ...(body !== undefined && { body }),
        redirect: 'manual',
        signal: this.patience.signal,
      });
    } catch (error) {
      this.patience.signal.throwIfAborted();
      throw this.unreached(url, error, call.repeatable ?? true);
    }
    if (url.origin !== this.url.origin) return response;
    this.hasAnswered = true;
    if (response.status < 400) return response;
    throw await refusalOf(response);
  }

  isNoService(): Failure {
    return new Failure(`${this.url.origin} does not answer as a download-service does.`);
  }

  private unreached(url: URL, error: unknown, repeatable: boolean): Failure {
    const code = codeOf(error);
    const message = `${url.origin} cannot be reached (${code}).`;
    // Refused connections have brought nothing over.
    const mayRepeat = repeatable || code === 'ECONNREFUSED';
    return this.hasAnswered && mayRepeat ? new Passing(message) : new Failure(message);
  }
}

interface ProblemJson {
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}

/** @returns `Passing` where another try may go better */
async function refusalOf(response: Response): Promise<Failure> {
  const { status } = response;
  // HEAD has no document to tell more.
  const { code = '', title, detail, errors = [] } = await problemOf(response);
  const fields = errors.map(({ field, message }) => `${field} ${message}`);
  const sentences = [title, detail, ...fields].filter((text) => text !== undefined);
  const said = sentences.map((text) => text.replace(/\.$/, '')).join('. ');
  const message = `${said || 'The service refuses'} (${status}${code && ` ${code}`}).`;
  if (PASSING.includes(status) || code === 'upload-busy') return new Passing(message, retryAfterOf(response));
  return new Refusal(status, code, message);
}

async function problemOf(response: Response): Promise<ProblemJson> {
  const isProblem = response.headers.get('Content-Type')?.startsWith('application/problem+json');
  const text = await response.text().catch(() => '');
  if (isProblem !== true) return {};
  try {
    return JSON.parse(text) as ProblemJson;
  } catch {
    return {};
  }
}

/** Seconds; RFC 9110 §10.2.3 allows a date too. */
export function retryAfterOf({ headers }: Pick<Response, 'headers'>): number | undefined {
  const value = headers.get('Retry-After');
  if (value === null) return undefined;
  if (/^\d{1,6}$/.test(value)) return Number(value);
  const until = Date.parse(value);
  return Number.isNaN(until) ? undefined : Math.max(0, (until - Date.now()) / 1_000);
}
