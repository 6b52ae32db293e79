import type { Validators } from '../../../common/http/index.js';

/** What is sent: everything that the response headers are made of, the same in every mode. */
export interface Representation extends Validators {
  /** Any Unicode text. */
  readonly filename: string;
  readonly contentType: string;
  /** Bytes. */
  readonly size: number;
  /** 64 hex digits. */
  readonly sha256: string;
  /** Whether anyone may read it: then shared caches may keep it. */
  readonly public: boolean;
}
