import { randomFillSync } from 'node:crypto';

const LENGTH = 16;
/** Random bytes are made by the thousand: one call of the generator costs as much as many bytes of it. */
const pool = Buffer.allocUnsafe(LENGTH * 256);
let used = pool.length;

/** 128 random bits, base64url, 22 characters. */
export function randomText(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += LENGTH;
  return pool.toString('base64url', used - LENGTH, used);
}
