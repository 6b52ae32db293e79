import { isBigIntId } from '../../../common/http/index.js';
import { Problem, validationFailed } from '../../../common/problems/index.js';

/** The last row of a page: its time, which it may share with others, and its id. */
export interface AuditPlace {
  /** Microseconds since the epoch, as PostgreSQL keeps times: a JavaScript date would cut them off. */
  readonly micros: string;
  readonly id: string;
}

/** Opaque to clients. */
export function encodeAuditCursor({ micros, id }: AuditPlace): string {
  return Buffer.from(`${micros}.${id}`).toString('base64url');
}

/** @throws Problem `validation-failed` (400) for a text that `encodeAuditCursor` did not make */
export function decodeAuditCursor(text: string): AuditPlace {
  const [, micros = '', id = ''] =
    /^(\d{1,16})\.(\d+)$/.exec(Buffer.from(text, 'base64url').toString()) ?? [];
  if (!isBigIntId(id) || encodeAuditCursor({ micros, id }) !== text) {
    throw new Problem(validationFailed, {
      errors: [{ field: 'cursor', message: 'must be the nextCursor of the answer before' }],
    });
  }
  return { micros, id };
}
