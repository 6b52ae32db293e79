import { isDeepStrictEqual } from 'node:util';
import { Logger } from '@nestjs/common';
import { unavailable } from '../../../common/problems/index.js';
import { type KeySet, type PublicKey, readKeySet, type TokenHeader } from './jose-jwt.js';
import type { ProviderDocuments } from './provider-documents.js';

/** All in milliseconds. */
export const TIMES = {
  /** Keys that a provider has taken back are not used longer than this, as long as it answers. */
  refreshEvery: 300_000,
  /** Between two fetches, however many tokens name keys that nobody has. */
  cooldown: 10_000,
  /** The same while the provider is away. */
  retryAfter: 3_000,
  /** A fetch that takes longer has failed. */
  fetchDeadline: 5_000,
  /** A request waits no longer for a fetch; the fetch goes on. */
  patience: 800,
  /** Without a word of the provider its keys are used for so long. */
  longestAbsence: 24 * 3_600_000,
};

/** The keys of one issuer. Those that are known go on working while the provider is away. */
export class IssuerKeys {
  private readonly logger = new Logger(IssuerKeys.name);
  private known: { readonly keys: KeySet; readonly document: unknown } | undefined;
  /** Another number whenever the keys are others: what was verified with those before does not count any more. */
  generation = 0;
  private fetchedAt = 0;
  private notBefore = 0;
  private failure: unknown;
  private running: Promise<void> | undefined;
  private readonly end = new AbortController();

  constructor(
    private readonly issuer: string,
    private readonly documents: Pick<ProviderDocuments, 'keys'>,
    private readonly times: typeof TIMES = TIMES,
  ) {}

  /**
   * @returns undefined when the provider has no such key
   * @throws Problem `dependency-unavailable` (503) when it cannot be asked whether it has
   */
  async find(header: TokenHeader): Promise<PublicKey | undefined> {
    const key = await this.known?.keys.find(header);
    if (key !== undefined) return key;
    if (this.running === undefined && Date.now() >= this.notBefore) this.fetch();
    if (this.running !== undefined && !(await this.endsInTime(this.running))) {
      throw unavailable(`the identity provider ${this.issuer}`, new Error('it takes too long'));
    }
    const fresh = await this.known?.keys.find(header);
    if (fresh === undefined && this.failure !== undefined) {
      throw unavailable(`the identity provider ${this.issuer}`, this.failure);
    }
    return fresh;
  }

  /** To be called now and then: keeps the keys fresh, so that no request waits for it. */
  refresh(): void {
    const now = Date.now();
    const age = now - this.fetchedAt;
    if (this.known !== undefined && age > this.times.longestAbsence) this.use(undefined);
    const due = this.failure !== undefined || age >= this.times.refreshEvery;
    if (due && this.running === undefined && now >= this.notBefore) this.fetch();
  }

  close(): void {
    this.end.abort();
  }

  private fetch(): void {
    this.running = this.fetchOnce().finally(() => {
      this.running = undefined;
    });
  }

  /** Never rejects. */
  private async fetchOnce(): Promise<void> {
    try {
      const signal = AbortSignal.any([this.end.signal, AbortSignal.timeout(this.times.fetchDeadline)]);
      const document = await this.documents.keys(signal);
      const known = { keys: readKeySet(document), document };
      if (!isDeepStrictEqual(document, this.known?.document)) this.use(known);
      this.fetchedAt = Date.now();
      this.failure = undefined;
      this.notBefore = this.fetchedAt + this.times.cooldown;
    } catch (error) {
      this.notBefore = Date.now() + this.times.retryAfter;
      // Said once, not at each try.
      if (this.failure === undefined && !this.end.signal.aborted)
        this.logger.warn(`no keys from ${this.issuer}: ${describe(error)}`);
      this.failure = error;
    }
  }

  private use(known: typeof this.known): void {
    this.known = known;
    this.generation += 1;
    this.logger.log(
      known === undefined
        ? `the keys of ${this.issuer} are too old and not used any more`
        : `the keys of ${this.issuer} are there`,
    );
  }

  private async endsInTime(running: Promise<void>): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, this.times.patience, false);
    });
    try {
      return await Promise.race([running.then(() => true), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** fetch() hides what happened in its cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
