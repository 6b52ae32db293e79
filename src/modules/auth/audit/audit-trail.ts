import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager, EntitySubscriberInterface } from 'typeorm';
import type { Credential } from '../principals/principal.js';
import type { AuditEvent } from './audit-event.js';

/** Events of a transaction that is not committed yet. */
const PENDING = Symbol('PENDING');
type Pending = Record<symbol, AuditEvent[] | undefined>;

/** Writes what happened: one row, and one line of the log when the row is there for good. */
@Injectable()
export class AuditTrail {
  private readonly logger = new Logger('Audit');

  constructor(@InjectDataSource() private readonly database: DataSource) {
    this.database.subscribers.push(this.afterCommit());
  }

  /** In the transaction of the change itself: neither is there without the other (RULES 10.3). */
  async record(transaction: EntityManager, event: AuditEvent): Promise<void> {
    await this.insert(transaction, event);
    const data = (transaction.queryRunner?.data ?? {}) as Pending;
    (data[PENDING] ??= []).push(event);
  }

  /** What is not part of a change. */
  async note(event: AuditEvent): Promise<void> {
    await this.insert(this.database.manager, event);
    this.log(event);
  }

  private async insert(manager: EntityManager, event: AuditEvent): Promise<void> {
    const { user, object } = event;
    await manager.query(
      `INSERT INTO audit_log (tenant_id, actor_id, actor_email, credential, action, outcome, object_kind, object_id,
                              count, ip, request_id, detail)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
      [
        event.tenantId ?? user?.tenantId ?? null,
        user?.userId ?? null,
        user?.email ?? null,
        describe(user?.credential),
        event.action,
        event.outcome,
        object?.kind ?? null,
        object?.id ?? null,
        event.count ?? 1,
        event.ip ?? null,
        event.requestId ?? null,
        JSON.stringify(event.detail ?? {}),
      ],
    );
  }

  private log({ user, ...event }: AuditEvent): void {
    this.logger.log({
      msg: 'audit',
      ...event,
      ...(user && { actorId: user.userId, tenantId: event.tenantId ?? user.tenantId }),
    });
  }

  private afterCommit(): EntitySubscriberInterface {
    return {
      afterTransactionCommit: ({ queryRunner }) => {
        const data = queryRunner.data as Pending;
        for (const event of data[PENDING] ?? []) this.log(event);
        data[PENDING] = undefined;
      },
    };
  }
}

/** Which key or session it was, never what opens it. */
function describe(credential: Credential | undefined): string | null {
  switch (credential?.kind) {
    case undefined:
      return null;
    case 'session':
      return 'session';
    case 'api-key':
      return `api-key:${credential.id}`;
    case 'oidc':
      return 'oidc';
  }
}
