import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import type { AuditEvent } from './audit-event.js';
import { type AuditFacts, factsOf } from './audit-facts.js';

/** Writes what happened: one row, and one line of the log when the row is there for good. */
@Injectable()
export class AuditTrail {
  private readonly logger = new Logger('Audit');
  /** Of each open transaction, and of each savepoint in it, what it has written. */
  private readonly open = new WeakMap<QueryRunner, AuditFacts[][]>();

  constructor(@InjectDataSource() private readonly database: DataSource) {
    this.database.subscribers.push(this.followTransactions());
  }

  /** In the transaction of the change itself: neither is there without the other (RULES 10.3). */
  async record(transaction: EntityManager, ...events: readonly AuditEvent[]): Promise<void> {
    const written = transaction.queryRunner && this.open.get(transaction.queryRunner)?.at(-1);
    if (written === undefined) throw new Error('a change is audited in its own transaction');
    const facts = events.map(factsOf);
    await insert(transaction, facts);
    written.push(...facts);
  }

  /** What is not part of a change: all of them or none. */
  async note(...events: readonly AuditEvent[]): Promise<void> {
    const facts = events.map(factsOf);
    await insert(this.database.manager, facts);
    this.log(facts);
  }

  private log(written: readonly AuditFacts[]): void {
    for (const facts of written) this.logger.log({ msg: 'audit', ...facts });
  }

  private followTransactions(): EntitySubscriberInterface {
    return {
      afterTransactionStart: ({ queryRunner }) => {
        const levels = this.open.get(queryRunner);
        if (levels === undefined) this.open.set(queryRunner, [[]]);
        else levels.push([]);
      },
      afterTransactionCommit: ({ queryRunner }) => {
        const levels = this.open.get(queryRunner);
        const written = levels?.pop() ?? [];
        // A savepoint that is released is committed with the rest, or not at all.
        const outer = levels?.at(-1);
        if (outer === undefined) this.log(written);
        else outer.push(...written);
      },
      afterTransactionRollback: ({ queryRunner }) => {
        this.open.get(queryRunner)?.pop();
      },
    };
  }
}

/** One statement whatever their number; ids are given in their order. */
async function insert(manager: EntityManager, facts: readonly AuditFacts[]): Promise<void> {
  await manager.query(
    `INSERT INTO audit_log (tenant_id, actor_id, actor_email, credential, action, outcome, object_kind, object_id,
                            count, ip, request_id, detail)
     SELECT "tenantId", "actorId", "actorEmail", credential, action, outcome, "objectKind", "objectId",
            count, ip, "requestId", detail
     FROM jsonb_to_recordset($1::jsonb) AS facts (
       "tenantId" bigint, "actorId" bigint, "actorEmail" text, credential text, action text, outcome text,
       "objectKind" text, "objectId" text, count integer, ip text, "requestId" text, detail jsonb)`,
    [JSON.stringify(facts)],
  );
}
