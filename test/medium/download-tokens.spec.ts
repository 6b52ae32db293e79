import { randomBytes } from 'node:crypto';
import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisTokenStore } from '../../src/modules/tokens/redis-token-store.js';
import type { StoredToken } from '../../src/modules/tokens/stored-token.js';
import { newTokenText } from '../../src/modules/tokens/token-text.js';
import { type Api, expectProblem, type FileJson } from '../harness/api.js';
import { listed, mint, TokenReplica, tokensOf } from '../harness/download-tokens.js';
import { useOwnStack } from '../harness/own-stack.js';
import { Seed } from '../harness/seed.js';
import { HAS_MINIO } from '../harness/stores.js';

const CAP = 5;
const MISSES = 8;
const IP = '203.0.113.1';

/** Real: PostgreSQL, Redis, nginx, MinIO, the built application; the stores of the test speak to the same servers. */
describe('download tokens and what they are kept in', () => {
  const own = useOwnStack(
    {
      RATE_LIMIT_API: '1000000',
      RATE_LIMIT_LOGINS: '1000000',
      TOKENS_PER_MINTER: String(CAP),
      DOWNLOAD_TOKEN_TTL: '120',
      DOWNLOAD_TOKEN_MAX_TTL: '600',
      ...(HAS_MINIO && { S3_DELIVERY: 'redirect', DEFAULT_VOLUME: 'local' }),
    },
    { s3: HAS_MINIO },
  );
  let seed: Seed;
  let replica: TokenReplica;
  let tenantId: string;

  beforeAll(async () => {
    seed = Seed.open(own.stack);
    replica = await TokenReplica.open(own.stack, MISSES);
    tenantId = await seed.tenant();
  });
  afterAll(async () => {
    await replica.close();
    await seed.close();
  });

  const someone = async (
    role?: 'admin',
  ): Promise<{ readonly id: string; readonly api: Api; readonly file: FileJson }> => {
    const { id, email, password } = await seed.user(tenantId, role);
    const api = await own.anonymous.login(email, password);
    return { id, api, file: await api.upload(randomBytes(10)) };
  };

  describe('the configuration', () => {
    it('tells how long a token lives without a word about it, and at most', async () => {
      const { api, file } = await someone();
      const { expiresAt } = await mint(api, file.id);
      expect((Date.parse(expiresAt) - Date.now()) / 1_000).toBeGreaterThan(118);
      expect((Date.parse(expiresAt) - Date.now()) / 1_000).toBeLessThan(121);
      await mint(api, file.id, { expiresIn: 600 });
      expectProblem(await api.post(tokensOf(file.id), { expiresIn: 601 }), 400, 'validation-failed');
    });
  });

  describe('live tokens of one minter', () => {
    it('409: never more than allowed, of 40 at once, on whatever files', async () => {
      const { id, api, file } = await someone();
      const other = await api.upload(randomBytes(10));
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, at) => api.post(tokensOf((at % 2 === 0 ? file : other).id), {})),
      );
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(CAP);
      for (const answer of answers.filter(({ status }) => status !== 201)) {
        expectProblem(answer, 409, 'too-many-tokens');
      }
      const both = [...(await listed(api, file.id)), ...(await listed(api, other.id))];
      expect(both.map(({ mintedBy }) => mintedBy)).toEqual(Array<string>(CAP).fill(id));
    });

    it('a place is free again when one is revoked or expires, and all when all have ended', async () => {
      const { api, file } = await someone('admin');
      const refused = async () => {
        expectProblem(await api.post(tokensOf(file.id), {}), 409, 'too-many-tokens');
      };
      const minted = [];
      for (let count = 0; count < CAP - 1; count += 1) minted.push(await mint(api, file.id));
      await mint(api, file.id, { expiresIn: 1 });
      await refused();
      await sleep(1_050);
      await mint(api, file.id);
      await refused();
      expect((await api.delete(`/api/v1/tokens/${minted[0]?.id ?? ''}`)).status).toBe(204);
      await mint(api, file.id);
      await refused();
      // By a path each.
      for (const path of [tokensOf(file.id), '/api/v1/tokens']) {
        expect((await api.delete(path)).status).toBe(204);
        for (let count = 0; count < CAP; count += 1) await mint(api, file.id);
        await refused();
      }
    });

    it('each minter for itself', async () => {
      const { api, file } = await someone();
      for (let count = 0; count < CAP; count += 1) await mint(api, file.id);
      const { api: admin } = await someone('admin');
      await mint(admin, file.id);
    });
  });

  describe('misses', () => {
    const misses = { token: newTokenText().text };

    it('429: an address that sent too many, before anything is loaded; known tokens of others are found', async () => {
      const { api, file } = await someone();
      const [known, fresh] = [await mint(api, file.id), await mint(api, file.id)];
      const [ip, neighbour, elsewhere] = ['2001:db8:1::1', '2001:db8:1::2', '2001:db8:2::1'];
      expect(await replica.finds(known, ip)).toBe(true);
      const forms = [
        '',
        'x',
        known.id,
        `${known.token}a`,
        misses.token,
        newTokenText().text,
        'a'.repeat(9_999),
      ];
      for (const token of forms) expect(await replica.finds({ token }, ip)).toBe(false);
      await replica.tokens.miss(neighbour);
      const ttl = await seed.redis.pttl('throttle:{token-misses:ip:2001:db8:1:0::/64}');
      expect(ttl).toBeGreaterThan(0);
      expect(ttl).toBeLessThanOrEqual(60_000);
      for (const token of ['', misses.token, fresh.token, newTokenText().text]) {
        for (const address of [ip, neighbour]) {
          await expect(replica.tokens.find(token, address)).rejects.toMatchObject({
            kind: { code: 'too-many-requests', status: 429 },
          });
        }
      }
      // What is kept already opens as before, and elsewhere nobody noticed.
      expect(await replica.finds(known, ip)).toBe(true);
      expect(await replica.finds(fresh, elsewhere)).toBe(true);
      // API keys that nobody has are counted apart.
      expect(await seed.redis.exists('throttle:{misses:ip:2001:db8:1:0::/64}')).toBe(0);
    });

    it('recall: what is kept, without asking anybody', async () => {
      const { api, file } = await someone();
      const minted = await mint(api, file.id);
      expect(replica.tokens.recall(minted.token)).toBeUndefined();
      const found = await replica.tokens.find(minted.token, IP);
      expect(replica.tokens.recall(minted.token)).toBe(found);
      expect(found?.subjects).toEqual([
        `user:${found?.value.minter.userId ?? ''}`,
        `tenant:${tenantId}`,
        `file:${file.id}`,
      ]);
      expect(found?.versions).toHaveLength(3);
      for (const text of ['', 'x', minted.id, misses.token]) {
        expect(replica.tokens.recall(text)).toBeUndefined();
      }
    });

    it('a key that ends in the middle of what is kept ends its tokens', async () => {
      const { api, file } = await someone();
      const expiresAt = new Date(Date.now() + 1_500).toISOString();
      const made = await api.post('/api/v1/auth/api-keys', { name: 'x', scopes: ['tokens'], expiresAt });
      const { key } = made.json as { key: string };
      const minted = await mint(own.anonymous.withKey(key), file.id);
      expect(await replica.finds(minted)).toBe(true);
      expect(replica.tokens.recall(minted.token)).toBeDefined();
      await sleep(1_600);
      expect(replica.tokens.recall(minted.token)).toBeUndefined();
      expect(await replica.finds(minted)).toBe(false);
    });
  });

  describe('a minter that dies between two steps', () => {
    /** Fake: the death, as a Redis client that is gone after so many commands and scripts. */
    class MortalRedis extends Redis {
      left = Infinity;
      override sendCommand(...args: Parameters<Redis['sendCommand']>): ReturnType<Redis['sendCommand']> {
        const [command] = args;
        if (command.name !== 'info') this.left -= 1;
        if (this.left < 0) {
          this.disconnect();
          command.reject(new Error('died'));
          return command.promise;
        }
        return super.sendCommand(...args);
      }
    }

    const terms = {
      maxDownloads: null,
      maxConcurrent: 5,
      allowedIps: [],
      resume: 'any',
      filename: null,
    } as const;

    it('leaves at most an entry of a list, which is nobody’s token and goes by itself', async () => {
      const { api, id, file } = await someone();
      const origin = await replica.store.find((await mint(api, file.id)).id);
      expect(origin).toBeDefined();
      const outcomes: ('died' | StoredToken | undefined)[] = [];
      for (let steps = 0; steps < 8; steps += 1) {
        const redis = new MortalRedis(own.stack.redisUrl, { lazyConnect: true, retryStrategy: () => null });
        redis.on('error', () => undefined);
        await redis.connect();
        const store = new RedisTokenStore(redis);
        // The scripts are known to the server, as they are after the first call.
        redis.left = steps;
        const { text, id: tokenId } = newTokenText();
        const minted = await store
          .mint(tokenId, { ...(origin ?? ({} as StoredToken)), ...terms }, { ttl: 2_000, most: 100 })
          .catch(() => 'died' as const);
        redis.disconnect();
        outcomes.push(minted);
        // Either it is there whole, with its end, and in every list, or it opens nothing.
        const [key] = await seed.redis.keys(`download:token:*:${tokenId}`);
        const inLists = await Promise.all(
          [`tokens:minter:{${id}}:0`, `tokens:file:{${file.id}}:0`, `tokens:file:{${file.id}}:0:newest`].map(
            (list) => seed.redis.zscore(list, tokenId),
          ),
        );
        if (key === undefined) {
          expect(await replica.finds({ token: text }, `198.51.100.${steps}`)).toBe(false);
          expect((await listed(api, file.id)).some((token) => token.id === tokenId)).toBe(false);
        } else {
          expect(inLists).not.toContain(null);
          expect(await seed.redis.pttl(key)).toBeGreaterThan(0);
          expect((await listed(api, file.id)).some((token) => token.id === tokenId)).toBe(true);
        }
      }
      expect(outcomes[0]).toBe('died');
      expect(outcomes.filter((outcome) => outcome === 'died').length).toBeGreaterThan(2);
      expect(outcomes.at(-1)).toMatchObject({ fileId: file.id, used: 0 });
      await sleep(2_100);
      expect(await listed(api, file.id)).toHaveLength(1);
      await mint(api, file.id);
      expect(await seed.redis.zcard(`tokens:minter:{${id}}:0`)).toBe(2);
      expect(await seed.redis.zcard(`tokens:file:{${file.id}}:0:newest`)).toBe(2);
    });
  });

  it('ends of old tokens are swept from the table', async () => {
    const { api, file } = await someone();
    await seed.query(
      `INSERT INTO revocations (kind, subject, expires_at)
       SELECT 'token', 'old-' || n, now() - interval '2 hours' FROM generate_series(1, 300) n`,
    );
    const minted = await mint(api, file.id);
    expect((await api.delete(`/api/v1/tokens/${minted.id}`)).status).toBe(204);
    const left = await seed.query(`SELECT FROM revocations WHERE subject LIKE 'old-%'`);
    expect(left).toEqual([]);
  });

  it.skipIf(!HAS_MINIO)('422: limits that nobody could keep, on a volume that only redirects', async () => {
    const { id, api } = await someone('admin');
    const file = await api.upload(randomBytes(10), { volume: 's3' });
    const ask = (terms: object) => api.post(tokensOf(file.id), terms);
    await mint(api, file.id, { resume: 'cookie', filename: 'x', maxConcurrent: 1 });
    for (const terms of [{ maxDownloads: 1 }, { allowedIps: ['0.0.0.0/0'] }]) {
      expectProblem(await ask(terms), 422, 'not-deliverable');
    }
    for (const limits of [{ transferRate: 1_024 }, { userRate: 1_024 }, { maxConcurrentDownloads: 1 }]) {
      const path = `/api/v1/users/${id}`;
      expect((await own.admin.patch(path, { limits })).status).toBe(200);
      expectProblem(await ask({}), 422, 'not-deliverable');
      const [name = ''] = Object.keys(limits);
      expect((await own.admin.patch(path, { limits: { [name]: null } })).status).toBe(200);
    }
    await mint(api, file.id);
    // Elsewhere they can.
    const local = await api.upload(randomBytes(10));
    await mint(api, local.id, { maxDownloads: 1, allowedIps: ['10.0.0.0/8'] });
    expectProblem(await own.anonymous.post(tokensOf(file.id), { maxDownloads: 1 }), 401, 'unauthenticated');
  });

  it('no log has the text of a token', async () => {
    const { api, file } = await someone();
    const { token, id } = await mint(api, file.id);
    await replica.finds({ token });
    await own.anonymous.send(`/download/${file.id}?token=${token}`);
    await api.post(tokensOf(file.id), { token });
    await api.delete(`/api/v1/tokens/${id}`);
    let text = '';
    for (const folder of ['log', 'nginx']) {
      for (const entry of await readdir(join(own.stack.dataDir, folder), { withFileTypes: true })) {
        if (entry.isFile() && entry.name.endsWith('.log'))
          text += await readFile(join(own.stack.dataDir, folder, entry.name), 'utf8');
      }
    }
    expect(text).toContain(id);
    expect(text.includes(token.slice(4))).toBe(false);
  });

  it('503: Redis is away. Nothing is minted, and what cannot be removed is not revoked', async () => {
    const { api, file, id } = await someone();
    const minted = await mint(api, file.id);
    const count = async () =>
      (await seed.query(`SELECT FROM audit_log WHERE actor_id = $1 AND object_kind = 'token'`, [id])).length;
    expect(await count()).toBe(1);
    await own.stack.redis?.stop();
    try {
      for (const answer of [
        await api.post(tokensOf(file.id), {}),
        await api.delete(`/api/v1/tokens/${minted.id}`),
        await api.delete(tokensOf(file.id)),
        await api.delete('/api/v1/tokens'),
      ]) {
        expectProblem(answer, 503, 'dependency-unavailable');
      }
    } finally {
      await own.stack.redis?.start();
    }
    expect(await count()).toBe(1);
    expect(await seed.query('SELECT FROM revocations WHERE subject = $1', [minted.id])).toEqual([]);
    await untilBack(api);
    expect(await replica.finds(minted)).toBe(true);
    expect((await listed(api, file.id)).map((token) => token.id)).toEqual([minted.id]);
  });

  it('a revocation that PostgreSQL does not take: the token is as it was, and can be revoked then', async () => {
    const { api, file } = await someone();
    const minted = await mint(api, file.id);
    // As a disk that is full: the row of the audit is refused, after the revocation.
    await seed.query(
      `ALTER TABLE audit_log ADD CONSTRAINT refuse_revocations CHECK (action <> 'token.revoke') NOT VALID`,
    );
    try {
      expect((await api.delete(`/api/v1/tokens/${minted.id}`)).status).toBe(500);
    } finally {
      await seed.query('ALTER TABLE audit_log DROP CONSTRAINT refuse_revocations');
    }
    expect(await seed.query('SELECT FROM revocations WHERE subject = $1', [minted.id])).toEqual([]);
    expect(await replica.finds(minted)).toBe(true);
    expect((await api.delete(`/api/v1/tokens/${minted.id}`)).status).toBe(204);
    expect(await replica.finds(minted)).toBe(true);
    // It is kept for half a minute, and the admission asks for its hash.
    expect(await seed.redis.keys(`download:token:*:${minted.id}`)).toEqual([]);
  });

  it('Redis restored from a copy made before: what was revoked since stays revoked', async () => {
    const { api, file } = await someone();
    const others = await someone();
    const third = await someone();
    const alone = await mint(api, file.id);
    const kept = await mint(api, file.id);
    const ofFile = await mint(others.api, others.file.id);
    const ofUser = await mint(third.api, third.file.id);
    const folder = join(own.stack.dataDir, 'redis');
    const copy = join(own.stack.dataDir, 'redis-copy');
    await seed.redis.bgrewriteaof();
    await own.stack.redis?.stop();
    await cp(folder, copy, { recursive: true });
    await own.stack.redis?.start();
    await untilBack(api);
    for (const token of [alone, kept, ofFile, ofUser]) expect(await replica.finds(token)).toBe(true);

    expect((await api.delete(`/api/v1/tokens/${alone.id}`)).status).toBe(204);
    expect((await others.api.delete(tokensOf(others.file.id))).status).toBe(204);
    expect((await third.api.delete('/api/v1/tokens')).status).toBe(204);

    await own.stack.redis?.stop();
    await rm(folder, { recursive: true });
    await cp(copy, folder, { recursive: true });
    await own.stack.redis?.start();
    await untilBack(api);
    // They are there again, and open nothing.
    for (const { id } of [alone, ofFile, ofUser]) {
      expect(await seed.redis.keys(`download:token:*:${id}`)).toHaveLength(1);
    }
    for (const token of [alone, ofFile, ofUser]) expect(await replica.finds(token)).toBe(false);
    expect(await replica.finds(kept)).toBe(true);
    expect((await listed(api, file.id)).map(({ id }) => id)).toEqual([kept.id]);
    expect(await listed(others.api, others.file.id)).toEqual([]);
    expect(await listed(third.api, third.file.id)).toEqual([]);
  });

  /** The application, and this test's own connections, have found the Redis that was started. */
  async function untilBack(api: Api): Promise<void> {
    await expect.poll(async () => (await api.send('/api/v1/auth/me')).status, { timeout: 5_000 }).toBe(200);
    for (const redis of [seed.redis, replica.redis]) {
      await expect.poll(() => redis.ping().catch(() => ''), { timeout: 5_000 }).toBe('PONG');
    }
  }
});
