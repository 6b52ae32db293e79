import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type AuditEntry, auditLines, factsOf, SELECT_AUDIT } from '../harness/audit.js';
import { mint } from '../harness/download-tokens.js';
import { ADMIN } from '../harness/own-stack.js';
import { RefusalsLab } from '../harness/refusals-lab.js';

const LOGIN = '/api/v1/auth/login';

/** RULES 9: who needs no account does not fill the table, and nothing is forgotten. */
describe('refusals in the audit', () => {
  const lab = new RefusalsLab();
  const { own } = lab;
  const ask = lab.ask.bind(lab);

  it('a thousand anonymous ones are a row for each source, code and route, written at SIGTERM', async () => {
    const before = await lab.lastId();
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
    expect(await lab.rowsAfter(before, 'refusal')).toEqual([]);
    await lab.end();

    const rows = await lab.rowsAfter(before, 'refusal');
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
    const before = await lab.lastId();
    const account = await lab.seed.user(await lab.seed.tenant());
    const login = (ip: string, email: string) => {
      const body = JSON.stringify({ email, password: 'wrong' });
      const headers = { 'X-Forwarded-For': ip, 'Content-Type': 'application/json' };
      return lab.app.send(LOGIN, { method: 'POST', body, headers });
    };
    const answers = await Promise.all([
      login('192.0.2.1', account.email),
      login('192.0.2.1', account.email.toUpperCase()),
      login('192.0.2.2', account.email),
      login('192.0.2.1', 'nobody@example.com'),
      login('192.0.2.1', 'nobody-else@example.com'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    await lab.end();
    expect(await lab.rowsAfter(before, 'refusal')).toEqual([]);
    const rows = await lab.rowsAfter(before, 'login');
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
    const before = await lab.lastId();
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
    const answer = await lab.app.send(LOGIN, {
      method: 'POST',
      body: JSON.stringify({ email, password }),
      headers,
    });
    expect(answer.status, answer.text).toBe(200);
    await lab.end();
    const counts = (await lab.rowsAfter(before, 'refusal')).map(({ ip, count }) => [ip, count]);
    expect(counts).toEqual([
      ['192.0.2.7', 20],
      ['x'.repeat(64), 1],
    ]);
    await own.stack.app?.start();
  });

  it('downloads by tokens and what their holders are refused are counted, with the minter; tokens of nobody without one', async () => {
    const before = await lab.lastId();
    const account = await lab.seed.user(await lab.seed.tenant());
    const minter = await lab.app.login(account.email, account.password);
    const { id } = await minter.upload(randomBytes(10));
    const [open, bound, once] = [
      await mint(minter, id),
      await mint(minter, id, { allowedIps: ['203.0.113.0/24'] }),
      await mint(minter, id, { maxDownloads: 1 }),
    ];
    const path = (token: string) => `/download/${id}?token=${token}`;
    const statuses: number[] = [];
    const asked = async (ip: string, token: string, method = 'GET', headers: Record<string, string> = {}) => {
      const answer = await lab.app.send(path(token), {
        method,
        headers: { 'X-Forwarded-For': ip, ...headers },
      });
      statuses.push(answer.status);
    };
    for (const ip of ['192.0.2.1', '192.0.2.1', '2001:db8::1', '2001:db8::2']) await asked(ip, open.token);
    // None of these opens a download of its own.
    await asked('192.0.2.1', open.token, 'HEAD');
    await asked('192.0.2.1', open.token, 'GET', { Range: 'bytes=0-0' });
    await asked('192.0.2.1', open.token, 'GET', { Range: 'bytes=5-' });
    await asked('192.0.2.3', once.token);
    expect(statuses.splice(0)).toEqual([200, 200, 200, 200, 200, 206, 200, 200]);
    for (let round = 0; round < 3; round += 1) await asked('192.0.2.4', once.token);
    for (let round = 0; round < 2; round += 1) await asked('192.0.2.4', bound.token);
    await asked('192.0.2.4', `dlt_${randomBytes(32).toString('base64url')}`);
    expect(statuses).toEqual(statuses.map(() => 403));
    expect(await lab.rowsAfter(before, 'refusal')).toEqual([]);
    await lab.end();

    const uses = await lab.seed.query<AuditEntry>(
      `${SELECT_AUDIT} WHERE id > $1 AND action = 'token.use' ORDER BY id`,
      [before],
    );
    const byMinter = { tenantId: account.tenantId, actorId: account.id, requestId: null };
    expect(uses.map(({ objectId, ip, count }) => [objectId, ip, count]).toSorted()).toEqual(
      [
        [open.id, '192.0.2.1', 2],
        [open.id, '2001:db8:0:0::/64', 2],
        [once.id, '192.0.2.3', 1],
      ].toSorted(),
    );
    for (const use of uses) {
      expect(use).toMatchObject({ ...byMinter, objectKind: 'token', outcome: 'ok' });
      expect(use.credential).toBe(`token:${use.objectId ?? ''}`);
    }
    const refusals = await lab.rowsAfter(before, 'refusal');
    const told = refusals.map(({ actorId, credential, detail, count }) => [
      actorId,
      credential,
      detail.code,
      count,
    ]);
    expect(told.toSorted()).toEqual(
      [
        [account.id, `token:${once.id}`, 'token-exhausted', 3],
        [account.id, `token:${bound.id}`, 'ip-not-allowed', 2],
        [null, null, 'token-invalid', 1],
      ].toSorted(),
    );
    for (const { token } of [open, bound, once])
      expect(JSON.stringify([uses, refusals]).includes(token.slice(4))).toBe(false);
    await own.stack.app?.start();
  });

  it('SIGTERM waits for refusals of known users that are being written', async () => {
    const before = await lab.lastId();
    const account = await lab.seed.user(await lab.seed.tenant());
    const user = await lab.app.login(account.email, account.password);
    const lock = await lab.seed.lock('audit_log');
    const answers = await Promise.all(Array.from({ length: 50 }, () => user.send('/api/v1/users')));
    expect(answers.every(({ status }) => status === 403)).toBe(true);
    const ended = lab.end();
    await sleep(1_000);
    await lock.release();
    expect(await ended).toBeLessThan(4_000);
    const rows = await lab.rowsAfter(before, 'refusal');
    expect(rows.map(({ requestId }) => requestId).toSorted()).toEqual(
      answers.map(({ headers }) => headers['x-request-id']).toSorted(),
    );
    await own.stack.app?.start();
  });
});
