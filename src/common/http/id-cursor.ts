import { Problem, validationFailed } from '../problems/index.js';
import { isBigIntId } from './big-int-id.js';

/** Where the next page of a list by id begins: behind the last row's id. Opaque to clients. */
export function encodeIdCursor(id: string): string {
  return Buffer.from(id).toString('base64url');
}

/** @throws Problem `validation-failed` (400) for a text that `encodeIdCursor` did not make */
export function decodeIdCursor(text: string): string {
  const id = Buffer.from(text, 'base64url').toString('latin1');
  if (!isBigIntId(id) || encodeIdCursor(id) !== text) {
    throw new Problem(validationFailed, {
      errors: [{ field: 'cursor', message: 'must be the nextCursor of the answer before' }],
    });
  }
  return id;
}

/**
 * A page of rows that were asked for with one more than the page takes.
 * @param rows at most `limit` + 1, in order
 */
export function pageOf<T extends { readonly id: string }>(
  rows: readonly T[],
  limit: number,
): { items: T[]; nextCursor: string | null } {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last ? encodeIdCursor(last.id) : null };
}
