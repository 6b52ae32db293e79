import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A row of the audit as `GET /api/v1/audit` gives it. */
export interface AuditEntry {
  readonly id: string;
  readonly at: string;
  readonly tenantId: string | null;
  readonly actorId: string | null;
  readonly actorEmail: string | null;
  readonly credential: string | null;
  readonly action: string;
  readonly outcome: string;
  readonly objectKind: string | null;
  readonly objectId: string | null;
  readonly count: number;
  readonly ip: string | null;
  readonly requestId: string | null;
  readonly detail: Record<string, unknown>;
}

export type AuditLine = Record<string, unknown>;

/** For `Seed.query`. */
export const SELECT_AUDIT = `
  SELECT id, at, tenant_id AS "tenantId", actor_id AS "actorId", actor_email AS "actorEmail", credential, action, outcome,
         object_kind AS "objectKind", object_id AS "objectId", count, ip, request_id AS "requestId", detail
  FROM audit_log`;

/** The lines that the application behind nginx has written to its log for the audit. */
export async function auditLines(dataDir: string): Promise<AuditLine[]> {
  const text = await readFile(join(dataDir, 'log/app.log'), 'utf8');
  return text
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as AuditLine)
    .filter(({ msg }) => msg === 'audit');
}

/** What a line says that its row does not have to. */
const OF_THE_LOG = new Set(['level', 'time', 'service', 'context', 'msg']);
const OF_THE_ROW = new Set(['id', 'at']);

/** The facts of a row or of a line, in one form: what is not known is left out. */
export function factsOf(entry: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(entry)
      .filter(([name, value]) => value !== null && !OF_THE_LOG.has(name) && !OF_THE_ROW.has(name))
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}
