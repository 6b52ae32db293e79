import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger, type LoggerService } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../scripts/stack/start-stack.mjs';
import { dataSourceOptions } from '../../src/common/database/index.js';
import { migrations } from '../../src/migrations/index.js';
import type { AuditEvent } from '../../src/modules/auth/audit/audit-event.js';
import { AuditTrail } from '../../src/modules/auth/audit/audit-trail.js';

/** Real: PostgreSQL, TypeORM. Fake: the log, which is kept. */
describe('a line for each row that is there for good', () => {
  let dataDir: string;
  let stack: Stack;
  let database: DataSource;
  let audit: AuditTrail;
  let said: string[];

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'download-service-audit-'));
    stack = await startStack({ dataDir, durable: false, parts: ['postgres'] });
    database = new DataSource({
      ...dataSourceOptions({ url: stack.databaseUrl }),
      migrations: [...migrations],
    });
    await database.initialize();
    await database.runMigrations();
    // Refused at the commit, not before.
    await database.query(
      'CREATE TABLE late (id integer, CONSTRAINT late_id UNIQUE (id) DEFERRABLE INITIALLY DEFERRED)',
    );
    audit = new AuditTrail(database);
    const keep = (line: { detail?: { name?: string } }) => said.push(line.detail?.name ?? '');
    const nothing = () => undefined;
    const log: LoggerService = { log: keep, warn: nothing, error: nothing };
    Logger.overrideLogger(log);
  });
  afterAll(async () => {
    Logger.overrideLogger(false);
    await database.destroy();
    await stack.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  beforeEach(() => {
    said = [];
  });

  const event = (name: string): AuditEvent => ({ action: 'user.change', outcome: 'ok', detail: { name } });
  const rows = async (...names: string[]) => {
    const found = await database.query<{ name: string }[]>(
      `SELECT detail->>'name' AS name FROM audit_log WHERE detail->>'name' = ANY($1) ORDER BY id`,
      [names],
    );
    return found.map(({ name }) => name);
  };
  const fail = () => {
    throw new Error('changed my mind');
  };

  it('after the commit, in order', async () => {
    await database.transaction(async (transaction) => {
      await audit.record(transaction, event('a'));
      await audit.record(transaction, event('b'));
      expect(said).toEqual([]);
    });
    expect(said).toEqual(['a', 'b']);
    expect(await rows('a', 'b')).toEqual(['a', 'b']);
  });

  it('none after a rollback, nor after a commit that is refused', async () => {
    const rolledBack = database.transaction(async (transaction) => {
      await audit.record(transaction, event('c'));
      fail();
    });
    await expect(rolledBack).rejects.toThrow('changed my mind');
    const refused = database.transaction(async (transaction) => {
      await transaction.query('INSERT INTO late VALUES (1), (1)');
      await audit.record(transaction, event('d'));
    });
    await expect(refused).rejects.toThrow('late_id');
    expect(said).toEqual([]);
    expect(await rows('c', 'd')).toEqual([]);
  });

  it('of one connection that is used again and again', async () => {
    const runner = database.createQueryRunner();
    try {
      for (const [name, end] of [
        ['e', 'commit'],
        ['f', 'rollback'],
        ['g', 'commit'],
      ] as const) {
        await runner.startTransaction();
        await audit.record(runner.manager, event(name));
        await (end === 'commit' ? runner.commitTransaction() : runner.rollbackTransaction());
      }
      await runner.startTransaction();
      await runner.commitTransaction();
    } finally {
      await runner.release();
    }
    expect(said).toEqual(['e', 'g']);
    expect(await rows('e', 'f', 'g')).toEqual(['e', 'g']);
  });

  it('of a savepoint, with the whole transaction or not at all', async () => {
    const inner = (transaction: EntityManager, name: string, end: () => void) =>
      transaction.transaction(async (savepoint) => {
        await audit.record(savepoint, event(name));
        end();
      });
    await database.transaction(async (transaction) => {
      await audit.record(transaction, event('h'));
      await inner(transaction, 'i', () => undefined);
      expect(said).toEqual([]);
      await expect(inner(transaction, 'j', fail)).rejects.toThrow('changed my mind');
      await audit.record(transaction, event('k'));
    });
    expect(said).toEqual(['h', 'i', 'k']);
    const whole = database.transaction(async (transaction) => {
      await inner(transaction, 'l', () => undefined);
      fail();
    });
    await expect(whole).rejects.toThrow('changed my mind');
    expect(said).toEqual(['h', 'i', 'k']);
    expect(await rows('h', 'i', 'j', 'k', 'l')).toEqual(['h', 'i', 'k']);
  });

  it('of many transactions at once, each its own', async () => {
    const names = Array.from({ length: 100 }, (_, place) => `m${place}`);
    await Promise.all(
      names.map((name, place) =>
        database
          .transaction(async (transaction) => {
            await audit.record(transaction, event(name));
            if (place % 2 === 1) fail();
          })
          .catch(() => undefined),
      ),
    );
    const even = names.filter((_, place) => place % 2 === 0);
    expect(said.toSorted()).toEqual(even.toSorted());
    expect((await rows(...names)).toSorted()).toEqual(even.toSorted());
  });

  it('a change cannot be told outside its transaction; events of no change can, all or none', async () => {
    await expect(audit.record(database.manager, event('n'))).rejects.toThrow('its own transaction');
    const tooLong = { ...event('o'), requestId: 'x'.repeat(65) };
    await expect(audit.note(event('p'), tooLong)).rejects.toThrow('too long');
    expect(said).toEqual([]);
    await audit.note(event('q'), event('r'));
    expect(said).toEqual(['q', 'r']);
    expect(await rows('n', 'o', 'p', 'q', 'r')).toEqual(['q', 'r']);
  });
});
