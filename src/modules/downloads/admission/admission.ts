import type { ByteRange } from '../../../common/http/index.js';
import type { Subject, Version } from '../../../common/revocation/index.js';

/** A place among the downloads at once of someone. */
export interface Slot {
  /** Whose: `user:42`, `token:…`, `token:…:<client>`, `ip:…`. */
  readonly holder: string;
  readonly limit: number;
}

/** What of a download token admission has to know; the rest of it was judged before. */
export interface TokenUse {
  readonly id: string;
  /** Whether only the cookie makes a client the one that has begun (RULES 4.5). */
  readonly cookieOnly: boolean;
}

/** The client of a download, as it can be recognised (RULES 1.3). */
export interface ClientNames {
  /** Hash of its subject, address and User-Agent. */
  readonly address: string;
  /** That came back. It is not kept: the id of a logical download is a hash of it. */
  readonly cookie?: string | undefined;
  /** That it is given if this opens a logical download. */
  readonly newCookie: string;
}

/** A transfer that is about to begin. */
export interface NewTransfer {
  /** The same for a retry by nginx on another replica; nobody else may choose it. */
  readonly id: string;
  /** Whose log tells of its end: a life of nginx, or this process. */
  readonly instance: string;
  /** What is about to be sent, inclusive. */
  readonly ranges: readonly ByteRange[];
  /** Connections of one logical download, where nobody else counts them. */
  readonly maxConnections?: number;
}

/**
 * - `look`: nothing is opened (HEAD, 304, what is refused anyway)
 * - `probe`: as `look`, and counted for a token (RULES 4.1)
 * - `open`: a logical download begins or goes on; without `transfer` it is handed to a store (RULES 5.2)
 */
export type Purpose = 'look' | 'probe' | 'open';

export interface AdmissionRequest {
  readonly purpose: Purpose;
  /** What the decision was built on: subjects with the versions under which they were read. */
  readonly versions: ReadonlyMap<Subject, Version>;
  /** For whom it is counted (RULES 1.2). */
  readonly subject: string;
  /** Whose requests are counted together, and how many a minute are allowed; undefined: this one is counted already. */
  readonly rate?: { readonly of: string; readonly limit: number } | undefined;
  /** Undefined when it is not known which file it is about. */
  readonly file?: {
    readonly id: string;
    readonly tenantId: string;
    readonly size: number;
    readonly sha256: string;
  };
  readonly token?: TokenUse | undefined;
  readonly client: ClientNames;
  /** The whole file, rather than ranges of it. */
  readonly whole: boolean;
  /** Ranges whose first one begins above 0: a client that goes on. */
  readonly above: boolean;
  readonly slots: readonly Slot[];
  readonly transfer?: NewTransfer | undefined;
}

export type Verdict =
  /** `downloadId` of the logical download, if there is one; `isNew`: this has opened it. */
  | { readonly kind: 'admitted'; readonly downloadId: string | undefined; readonly isNew: boolean }
  /** A version differs: what the decision rests on must be loaded again. */
  | { readonly kind: 'stale' }
  /** Milliseconds until the next window. */
  | { readonly kind: 'rate'; readonly left: number }
  | { readonly kind: 'slots' | 'connections' | 'token-invalid' | 'token-exhausted' };

/** What ended, and what of it went out. */
export interface EndedTransfer {
  readonly transfer: string;
  readonly instance: string;
  /** Undefined when it never got so far that its logical download was told. */
  readonly downloadId?: string | undefined;
  /** Of the body; undefined: unknown. */
  readonly bytes?: number | undefined;
  /** Everything that was to be sent. */
  readonly completed: boolean;
}

/** Rate, claim, slot and hit of a download, all or nothing, on the versions that the decision was built on (RULES 2). */
export abstract class Admission {
  abstract admit(request: AdmissionRequest): Promise<Verdict>;

  /** Each transfer counts once, however often it is told. */
  abstract end(transfers: readonly EndedTransfer[]): Promise<void>;
}
