import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKey, expectInvalid } from '../../harness/accounts.js';
import { expectProblem, type FileJson } from '../../harness/api.js';
import { type AuditEntry, SELECT_AUDIT } from '../../harness/audit.js';
import { mint, type TokenJson, TokenReplica, tokensOf } from '../../harness/download-tokens.js';
import type { Answer } from '../../harness/http.js';
import { useWorld } from '../../harness/world.js';

const DAY = 86_400_000;

describe('POST /api/v1/files/:id/tokens', () => {
  const world = useWorld();
  let file: FileJson;
  let replica: TokenReplica;

  beforeAll(async () => {
    file = await world.owner.upload(randomBytes(100), { filename: 'offer.bin' });
    replica = await TokenReplica.open(world.stack);
  });
  afterAll(() => replica.close());

  const ask = (terms: unknown, api = world.owner, id = file.id): Promise<Answer> =>
    api.post(tokensOf(id), terms);
  const hashOf = async (id: string): Promise<Record<string, string>> => {
    const [key = ''] = await world.seed.redis.keys(`download:token:*:${id}`);
    expect(key).toMatch(/^download:token:\{b\d\d\}:[\w-]{22}$/);
    return world.seed.redis.hgetall(key);
  };

  it('201: the token is shown once, with a URL that is ready to use and terms that were left out', async () => {
    const before = Date.now();
    const answer = await ask({});
    expect(answer.status, answer.text).toBe(201);
    expect(answer.headers['cache-control']).toBe('no-store');
    const { token, id, expiresAt } = answer.json as TokenJson;
    expect(token).toMatch(/^dlt_[\w-]{43}$/);
    expect(id).toBe(createHash('sha256').update(token).digest('base64url').slice(0, 22));
    expect(answer.json).toEqual({
      id,
      token,
      url: `${world.stack.publicUrl}/download/${file.id}?token=${token}`,
      fileId: file.id,
      expiresAt,
      maxDownloads: null,
      maxConcurrent: 5,
      allowedIps: null,
      resume: 'any',
      filename: null,
    });
    expect(Date.parse(expiresAt) - before).toBeGreaterThan(299_000);
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThan(301_000);
  });

  it('201: all terms, addresses in their one form', async () => {
    const answer = await ask({
      expiresIn: 604_800,
      maxDownloads: 1_000_000,
      maxConcurrent: 1_000_000,
      allowedIps: [
        '10.1.2.3/8',
        '::ffff:10.0.0.0/104',
        '2001:DB8:0::1/32',
        '203.0.113.7/32',
        '::ffff:203.0.113.8',
      ],
      resume: 'cookie',
      filename: 'отчёт 2026 😀.pdf',
    });
    expect(answer.status, answer.text).toBe(201);
    expect(answer.json).toMatchObject({
      maxDownloads: 1_000_000,
      maxConcurrent: 1_000_000,
      allowedIps: ['10.0.0.0/8', '2001:db8::/32', '203.0.113.7', '203.0.113.8'],
      resume: 'cookie',
      filename: 'отчёт 2026 😀.pdf',
    });
    const { token, expiresAt } = answer.json as TokenJson;
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(604_790_000);
    const found = await replica.tokens.find(token, '203.0.113.1');
    expect(found?.value).toMatchObject({
      fileId: file.id,
      tenantId: world.tenantId,
      minter: {
        kind: 'user',
        userId: world.ownerAccount.id,
        tenantId: world.tenantId,
        role: 'user',
        email: world.ownerAccount.email,
        limits: {},
        credential: { kind: 'token' },
      },
      expiresAt: new Date(expiresAt),
      maxDownloads: 1_000_000,
      maxConcurrent: 1_000_000,
      resume: 'cookie',
      filename: 'отчёт 2026 😀.pdf',
    });
    const allowed = ['10.9.9.9', '::ffff:10.9.9.9', '2001:db8::5', '203.0.113.7', '203.0.113.8'];
    for (const address of allowed) expect(found?.value.allowedIps?.include(address), address).toBe(true);
    for (const address of ['203.0.113.9', '2001:db9::1', '11.0.0.1', 'unknown']) {
      expect(found?.value.allowedIps?.include(address), address).toBe(false);
    }
  });

  it('as Redis keeps it: what the admission reads, until a day after its end', async () => {
    const { id, expiresAt, token } = await mint(world.owner, file.id, {
      expiresIn: 60,
      maxDownloads: 3,
      maxConcurrent: 2,
      allowedIps: ['10.0.0.0/8', '::1'],
      resume: 'cookie',
      filename: 'x.bin',
    });
    const [rows] = await world.seed.query<{ fileUid: string; minterUid: string }>(
      `SELECT f.uid AS "fileUid", u.uid AS "minterUid" FROM files f JOIN users u ON u.id = f.owner_id WHERE f.id = $1`,
      [file.id],
    );
    const hash = await hashOf(id);
    expect(hash).toEqual({
      file: file.id,
      fileUid: rows?.fileUid,
      fileEpoch: '0',
      tenant: world.tenantId,
      minter: world.ownerAccount.id,
      minterUid: rows?.minterUid,
      minterEpoch: '0',
      key: '',
      createdAt: expect.stringMatching(/^\d{13}$/) as unknown,
      expiresAt: String(Date.parse(expiresAt)),
      maxDownloads: '3',
      maxConcurrent: '2',
      allowedIps: '["10.0.0.0/8","::1"]',
      resume: 'cookie',
      filename: 'x.bin',
      used: '0',
      probes: '0',
    });
    expect(Number(hash.expiresAt) - Number(hash.createdAt)).toBe(60_000);
    const [key = ''] = await world.seed.redis.keys(`download:token:*:${id}`);
    expect(await world.seed.redis.pexpiretime(key)).toBe(Date.parse(expiresAt) + DAY);
    // Everything that is not asked for is an empty text.
    expect(await hashOf((await mint(world.owner, file.id)).id)).toMatchObject({
      maxDownloads: '',
      allowedIps: '',
      filename: '',
    });
    const key_ = await createKey(world.owner, ['tokens']);
    const byKey = await mint(world.anonymous.withKey(key_.key), file.id);
    expect(await hashOf(byKey.id)).toMatchObject({ key: key_.id });
    for (const index of ['tokens:file:*', 'tokens:minter:*']) {
      for (const name of await world.seed.redis.keys(index)) {
        expect(await world.seed.redis.pttl(name), name).toBeGreaterThan(0);
      }
    }
    expect(await world.seed.redisContents()).not.toContain(token.slice(4));
  });

  it('its text is in no table', async () => {
    const { token, id } = await mint(world.owner, file.id);
    const tables = await world.seed.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
    );
    let audited = false;
    for (const { name } of tables) {
      const [row] = await world.seed.query<{ text: string | null }>(
        `SELECT string_agg(t::text, '|') AS text FROM ${name} t`,
      );
      expect(row?.text?.includes(token.slice(4)) ?? false, name).toBe(false);
      audited ||= name === 'audit_log' && row?.text?.includes(id) === true;
    }
    expect(audited).toBe(true);
  });

  it('is audited, and the audit is found by its id', async () => {
    const answer = await ask({ maxDownloads: 2, allowedIps: ['10.0.0.1'], filename: 'a.bin' });
    const { id, expiresAt } = answer.json as TokenJson;
    const found = await world.admin.send(`/api/v1/audit?objectKind=token&objectId=${id}`);
    const { items } = found.json as { items: AuditEntry[] };
    expect(items).toHaveLength(1);
    const [row] = await world.seed.query<AuditEntry>(`${SELECT_AUDIT} WHERE object_id = $1`, [id]);
    expect(row).toMatchObject({
      tenantId: world.tenantId,
      actorId: world.ownerAccount.id,
      credential: 'session',
      action: 'token.mint',
      outcome: 'ok',
      objectKind: 'token',
      objectId: id,
      requestId: answer.headers['x-request-id'],
      detail: {
        fileId: file.id,
        expiresAt,
        maxDownloads: 2,
        maxConcurrent: 5,
        allowedIps: ['10.0.0.1'],
        resume: 'any',
        filename: 'a.bin',
      },
    });
  });

  describe('400', () => {
    const numbers: unknown[] = [0, -1, 1.5, 1e21, Number.MAX_SAFE_INTEGER + 2, '5', true, [], [1], {}];
    it.each<[string, unknown[]]>([
      ['expiresIn', [...numbers.filter((value) => value !== 1e21), null, 604_801, 1e21, '', '300', '5m']],
      ['maxDownloads', [...numbers, 1_000_001, '', 'Infinity']],
      ['maxConcurrent', [...numbers, null, 1_000_001]],
      [
        'allowedIps',
        [
          '10.0.0.1',
          [],
          {},
          7,
          true,
          { 0: '10.0.0.1', length: 1 },
          [null],
          [7],
          [['10.0.0.1']],
          [''],
          ['10.0.0.1', 'x'],
          ['10.0.0.256'],
          ['10.0.0.0/33'],
          ['10.0.0.0/-1'],
          ['::/129'],
          ['::ffff:10.0.0.0/8'],
          ['fe80::1%eth0'],
          ['example.com'],
          ['10.0.0.1,10.0.0.2'],
          ['10.0.0.1\u0000'],
          Array.from({ length: 51 }, (_, at) => `10.0.0.${at}`),
        ],
      ],
      ['resume', ['', 'Any', 'none', null, true, ['any'], {}]],
      [
        'filename',
        [
          '',
          '.',
          '..',
          'a/b',
          'a\\b',
          '../a',
          'a\nb',
          'a\u0000',
          '\u007f',
          '\ud800',
          'x'.repeat(256),
          7,
          true,
          ['a'],
          {},
        ],
      ],
      ['fileId', ['1']],
      ['token', ['dlt_x']],
      ['minter', ['1']],
    ])('%s', async (member, values) => {
      for (const value of values) expectInvalid(await ask({ [member]: value }), [member]);
    });

    it('a body that is none, and an id that is none', async () => {
      expectProblem(await ask([]), 400, 'validation-failed');
      expectProblem(await ask([{ maxDownloads: 1 }]), 400, 'validation-failed');
      for (const body of ['x', '', 7, true, null]) {
        expectProblem(await ask(body), 400, 'validation-failed');
      }
      for (const id of ['0', '-1', 'x', '1.0', '01', '9223372036854775808', '%00']) {
        expectProblem(await ask({}, world.owner, id), 400, 'validation-failed');
      }
      // Every wrong member is named.
      expectInvalid(await ask({ expiresIn: 0, maxDownloads: 0, filename: '' }), [
        'expiresIn',
        'maxDownloads',
        'filename',
      ]);
    });
  });

  it.each([
    { expiresIn: 1 },
    { maxDownloads: 1 },
    { maxDownloads: null, allowedIps: null, filename: null },
    { maxConcurrent: 1 },
    { allowedIps: Array.from({ length: 50 }, (_, at) => `10.0.0.${at}`) },
    { filename: '😀'.repeat(255) },
    { filename: '"; x="%0d.html' },
  ])('201: %j', async (terms) => {
    await mint(world.owner, file.id, terms);
  });

  describe('who may', () => {
    it('404 and 403: nobody but who manages the file', async () => {
      for (const api of [world.member, world.foreign, world.foreignAdmin, world.operator]) {
        expectProblem(await ask({}, api), 404, 'file-not-found');
      }
      expectProblem(await ask({}, world.anonymous), 401, 'unauthenticated');
      const shared = await world.owner.upload(randomBytes(10), { visibility: 'tenant' });
      expectProblem(await ask({}, world.member, shared.id), 403, 'forbidden');
      const open = await world.owner.upload(randomBytes(10), { visibility: 'public' });
      expectProblem(await ask({}, world.foreign, open.id), 404, 'file-not-found');
      const granted = await world.owner.upload(randomBytes(10));
      await world.seed.grant(granted.id, { userId: world.memberAccount.id }, 'download');
      expectProblem(await ask({}, world.member, granted.id), 403, 'forbidden');
      await world.seed.grant(granted.id, { userId: world.memberAccount.id }, 'manage');
      const minted = await mint(world.member, granted.id);
      const found = await replica.tokens.find(minted.token, '203.0.113.1');
      expect(found?.value.minter.userId).toBe(world.memberAccount.id);
      await mint(world.admin, granted.id);
    });

    it('403: a key without the scope', async () => {
      const { key } = await createKey(world.owner, ['download', 'files:read', 'files:write', 'upload']);
      expectProblem(await ask({}, world.anonymous.withKey(key)), 403, 'forbidden');
    });

    it('410: a file that is deleted or has expired', async () => {
      const gone = await world.owner.upload(randomBytes(10));
      await world.owner.delete(`/api/v1/files/${gone.id}`);
      expectProblem(await ask({}, world.owner, gone.id), 410, 'file-gone');
      const expired = await world.owner.upload(randomBytes(10));
      await world.seed.expireFile(expired.id);
      // Its owner may still change it, and so bring it back.
      expect((await world.owner.send(`/api/v1/files/${expired.id}`)).status).toBe(200);
      expectProblem(await ask({}, world.owner, expired.id), 410, 'file-gone');
      expectProblem(await ask({}, world.admin, expired.id), 410, 'file-gone');
    });
  });
});
