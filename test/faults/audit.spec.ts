import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Api } from '../harness/api.js';
import { type AuditEntry, auditLines, factsOf, SELECT_AUDIT } from '../harness/audit.js';
import { ADMIN, useOwnStack } from '../harness/own-stack.js';
import { Seed } from '../harness/seed.js';

const LOGIN = '/api/v1/auth/login';

/** RULES 9: who needs no account does not fill the table, and nothing is forgotten. */
describe('refusals in the audit', () => {
  // Past nginx, with sources as a proxy tells them.
  const own = useOwnStack({ SHUTDOWN_DELAY: '0', RATE_LIMIT_API: '1000000', RATE_LIMIT_LOGINS: '1000000' });
  let seed: Seed;
  let app: Api;

  beforeAll(() => {
    seed = Seed.open(own.stack);
    app = new Api(own.stack.appUrl);
  });
  afterAll(() => seed.close());

  const end = async () => {
    const since = performance.now();
    own.stack.app?.kill('SIGTERM');
    expect(await own.stack.app?.exited).toEqual({ code: 0, signal: null });
    return performance.now() - since;
  };
  const lastId = async () => (await seed.query<{ id: string }>('SELECT max(id) AS id FROM audit_log'))[0]?.id;
  const rowsAfter = (id: string | undefined, action: string) =>
    seed.query<AuditEntry & Record<string, unknown>>(
      `${SELECT_AUDIT} WHERE id > $1 AND action = $2 AND outcome = 'refused' ORDER BY id`,
      [id, action],
    );
  const ask = (ip: string, path: string, token?: string, method = 'GET') =>
    app.as(token).send(path, { method, headers: { 'X-Forwarded-For': ip } });

  it('a thousand anonymous ones are a row for each source, code and route, written at SIGTERM', async () => {
    const before = await lastId();
    const kinds = [
      ['192.0.2.1', '/api/v1/auth/me', undefined],
      ['192.0.2.1', '/api/v1/auth/me', 'stale'],
      ['192.0.2.2', '/api/v1/auth/me', undefined],
      ['192.0.2.1', '/download/1', undefined],
      ['2001:db8::1', '/download/1', 'stale'],
      ['2001:db8::2', '/download/2', undefined],
      ['192.0.2.1', '/api/v1/files/1', undefined],
      ['192.0.2.1', '/api/v1/audit', undefined],
    ] as const;
    for (let round = 0; round < 125; round += 1) {
      const answers = await Promise.all(kinds.map(([ip, path, token]) => ask(ip, path, token)));
      expect(answers.map(({ status }) => status)).toEqual(kinds.map(() => 401));
    }
    expect(await rowsAfter(before, 'refusal')).toEqual([]);
    await end();

    const rows = await rowsAfter(before, 'refusal');
    const code = 'unauthenticated';
    const told = rows.map(({ ip, count, detail }) => [ip, detail.code, detail.route, count]);
    expect(told.toSorted()).toEqual(
      [
        ['192.0.2.1', code, 'GET /api/v1/auth/me', 250],
        ['192.0.2.2', code, 'GET /api/v1/auth/me', 125],
        ['192.0.2.1', code, 'GET /download/:fileId', 125],
        ['2001:db8:0:0::/64', code, 'GET /download/:fileId', 250],
        ['192.0.2.1', code, 'GET /api/v1/files/:id', 125],
        ['192.0.2.1', code, 'GET /api/v1/audit', 125],
      ].toSorted(),
    );
    for (const row of rows) {
      expect(row).toMatchObject({ tenantId: null, actorId: null, credential: null, requestId: null });
      expect(Date.now() - Date.parse(String(row.detail.since))).toBeLessThan(60_000);
    }
    const lines = (await auditLines(own.stack.dataDir)).filter(({ action }) => action === 'refusal');
    expect(lines.map(factsOf)).toEqual(rows.map(factsOf));
    await own.stack.app?.start();
  });

  it('wrong logins are counted by source and account, with the account’s tenant; unknown accounts have none', async () => {
    const before = await lastId();
    const account = await seed.user(await seed.tenant());
    const login = (ip: string, email: string) => {
      const body = JSON.stringify({ email, password: 'wrong' });
      const headers = { 'X-Forwarded-For': ip, 'Content-Type': 'application/json' };
      return app.send(LOGIN, { method: 'POST', body, headers });
    };
    const answers = await Promise.all([
      login('192.0.2.1', account.email),
      login('192.0.2.1', account.email.toUpperCase()),
      login('192.0.2.2', account.email),
      login('192.0.2.1', 'nobody@example.com'),
      login('192.0.2.1', 'nobody-else@example.com'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    await end();
    expect(await rowsAfter(before, 'refusal')).toEqual([]);
    const rows = await rowsAfter(before, 'login');
    expect(
      rows
        .map(({ ip, tenantId, objectKind, objectId, count }) => [ip, tenantId, objectKind, objectId, count])
        .toSorted(),
    ).toEqual(
      [
        ['192.0.2.1', account.tenantId, 'user', account.id, 2],
        ['192.0.2.2', account.tenantId, 'user', account.id, 1],
        ['192.0.2.1', null, null, null, 2],
      ].toSorted(),
    );
    expect(JSON.stringify(rows)).not.toContain('nobody');
    await own.stack.app?.start();
  });

  it('a client that goes away without its answer is counted; an address that is none does no harm', async () => {
    const before = await lastId();
    const { port } = new URL(own.stack.appUrl);
    for (let round = 0; round < 20; round += 1) {
      const socket = createConnection(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      // Such a key has to be looked up: the client is gone before the answer.
      const key = `dsk_${'a'.repeat(10)}_${randomBytes(32).toString('base64url')}`;
      const request = [
        'GET /api/v1/auth/me HTTP/1.1',
        'Host: x',
        'X-Forwarded-For: 192.0.2.7',
        `X-API-Key: ${key}`,
      ];
      socket.write(`${request.join('\r\n')}\r\n\r\n`, () => {
        socket.destroy();
      });
      await sleep(5);
    }
    await ask('x'.repeat(200), '/api/v1/auth/me');
    const { email, password } = ADMIN;
    const headers = { 'X-Forwarded-For': 'x'.repeat(200), 'Content-Type': 'application/json' };
    const answer = await app.send(LOGIN, {
      method: 'POST',
      body: JSON.stringify({ email, password }),
      headers,
    });
    expect(answer.status, answer.text).toBe(200);
    await end();
    const counts = (await rowsAfter(before, 'refusal')).map(({ ip, count }) => [ip, count]);
    expect(counts).toEqual([
      ['192.0.2.7', 20],
      ['x'.repeat(64), 1],
    ]);
    await own.stack.app?.start();
  });

  it('SIGTERM waits for refusals of known users that are being written', async () => {
    const before = await lastId();
    const account = await seed.user(await seed.tenant());
    const user = await app.login(account.email, account.password);
    const lock = await seed.lock('audit_log');
    const answers = await Promise.all(Array.from({ length: 50 }, () => user.send('/api/v1/users')));
    expect(answers.every(({ status }) => status === 403)).toBe(true);
    const ended = end();
    await sleep(1_000);
    await lock.release();
    expect(await ended).toBeLessThan(4_000);
    const rows = await rowsAfter(before, 'refusal');
    expect(rows.map(({ requestId }) => requestId).toSorted()).toEqual(
      answers.map(({ headers }) => headers['x-request-id']).toSorted(),
    );
    await own.stack.app?.start();
  });

  it('PostgreSQL away at the minute’s end: nothing is lost', { timeout: 120_000 }, async () => {
    const before = await lastId();
    for (let round = 0; round < 10; round += 1) await ask('192.0.2.1', '/api/v1/auth/me');
    await own.stack.postgres?.stop();
    const log = join(own.stack.dataDir, 'log/app.log');
    const waits = async () => (await readFile(log, 'utf8')).includes('rows of refusals wait for PostgreSQL');
    for (let round = 0; round < 140 && !(await waits()); round += 1) await sleep(500);
    expect(await waits()).toBe(true);
    await ask('192.0.2.1', '/api/v1/auth/me');
    await own.stack.postgres?.start();
    await end();
    expect((await rowsAfter(before, 'refusal')).map(({ ip, count }) => [ip, count])).toEqual([
      ['192.0.2.1', 11],
    ]);
    await own.stack.app?.start();
  });

  it.each(['stopped', 'frozen'] as const)(
    'PostgreSQL %s at SIGTERM: the process ends, and says what is lost',
    async (how) => {
      await ask('192.0.2.1', '/api/v1/auth/me');
      if (how === 'stopped') await own.stack.postgres?.stop();
      else own.stack.postgres?.kill('SIGSTOP');
      try {
        expect(await end()).toBeLessThan(9_000);
      } finally {
        if (how === 'stopped') await own.stack.postgres?.start();
        else own.stack.postgres?.kill('SIGCONT');
      }
      const log = await readFile(join(own.stack.dataDir, 'log/app.log'), 'utf8');
      expect(log.split('the last refusals are not in the audit')).toHaveLength(how === 'stopped' ? 2 : 3);
      await own.stack.app?.start();
    },
  );
});
