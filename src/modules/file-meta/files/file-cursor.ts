import { isBigIntId } from '../../../common/http/index.js';
import { Problem, validationFailed } from '../../../common/problems/index.js';
import { FILE_ORDERS, type FileOrder } from './file-order.js';

/** The place behind which the next page begins: the last row's key in its order, and its id. */
export interface FileCursor {
  readonly order: FileOrder;
  readonly key: string;
  readonly id: string;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const MAX_LENGTH = 4_096;

export function encodeCursor(cursor: FileCursor): string {
  return Buffer.from(JSON.stringify([cursor.order, cursor.key, cursor.id])).toString('base64url');
}

/** @throws Problem `validation-failed` (400) for a text that `encodeCursor` did not make, or made for another order */
export function decodeCursor(text: string, order: FileOrder): FileCursor {
  const [given, key, id] = text.length > MAX_LENGTH ? [] : parseList(text);
  const known = FILE_ORDERS.find((name) => name === given);
  if (known !== order || typeof key !== 'string' || !isBigIntId(id)) throw refused();
  const readable = order.endsWith('createdAt')
    ? TIME.test(key) && !Number.isNaN(Date.parse(key))
    : !key.includes('\0') && key.isWellFormed();
  if (!readable) throw refused();
  return { order, key, id };
}

function parseList(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function refused(): Problem {
  return new Problem(validationFailed, {
    errors: [{ field: 'cursor', message: 'must be the nextCursor of an answer with the same sort' }],
  });
}
