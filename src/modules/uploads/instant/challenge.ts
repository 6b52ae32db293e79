import { randomBytes, randomInt } from 'node:crypto';
import type { ByteRange } from '../../../common/http/index.js';

const KIBIBYTE = 2 ** 10;
const MEBIBYTE = 2 ** 20;

/** Below that the bytes are sent sooner than proven. */
export const LEAST_PROVABLE = MEBIBYTE;
/** Below that every byte is asked for. */
const WHOLE_BELOW = 4 * MEBIBYTE;
/** Otherwise these, at random: who lacks half of a file, whatever the other half is, has a chance of 2^-64 (RULES 6.4). */
const RANGES = 64;
const RANGE = 64 * KIBIBYTE;

/** Milliseconds in which the proof is to come. */
const LIFE = 60_000;

/** What only somebody knows who has the content. */
export interface Challenge {
  /** Of the content that is to be proven. */
  readonly blobId: string;
  /** Hex; comes before the bytes, so that no digest can be kept for later. */
  readonly nonce: string;
  /** In this order. */
  readonly ranges: readonly ByteRange[];
  readonly expiresAt: Date;
}

/** @param size of the content, bytes */
export function newChallenge(blobId: string, size: number): Challenge {
  return {
    blobId,
    nonce: randomBytes(32).toString('hex'),
    ranges:
      size < WHOLE_BELOW
        ? [{ first: 0, last: size - 1 }]
        : Array.from({ length: RANGES }, () => rangeIn(size)),
    expiresAt: new Date(Date.now() + LIFE),
  };
}

function rangeIn(size: number): ByteRange {
  const first = randomInt(size - RANGE + 1);
  return { first, last: first + RANGE - 1 };
}
