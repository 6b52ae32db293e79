import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { expectProblem } from '../harness/api.js';
import { ADMIN, useOwnStack } from '../harness/own-stack.js';

interface Key {
  readonly kid: string;
  readonly secret: string;
  readonly notAfter?: string;
}

const newKey = (kid: string): Key => ({ kid, secret: randomBytes(32).toString('base64') });
/** Milliseconds until every replica has looked at the file. */
const SEEN = 1_300;

const [OLD, NEW] = [newKey('2026-11'), newKey('2026-12')];

const folder = mkdtempSync(join(tmpdir(), 'download-service-keys-'));
const file = join(folder, 'jwt-secrets');
/** As a mounted secret changes: at once, never half. */
const write = (text: string) => {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
};
const use = (...keys: Key[]) => {
  write(JSON.stringify(keys));
};
use(OLD);

const kidOf = (token = '') =>
  (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;

/** RULES 10.2: the file is read again when it changes. */
describe('JWT_SECRETS rotated under load, on two replicas', () => {
  const own = useOwnStack(
    {
      JWT_SECRETS_FILE: file,
      JWT_TTL: '5',
      RATE_LIMIT_API: '1000000',
      RATE_LIMIT_LOGINS: '1000000',
    },
    { replicas: 2 },
  );
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const login = async () => {
    const answer = await own.anonymous.post('/api/v1/auth/login', {
      email: ADMIN.email,
      password: ADMIN.password,
    });
    expect(answer.status).toBe(200);
    return answer.json as { accessToken: string; refreshToken: string };
  };
  const me = (token: string, index = 0) =>
    own.anonymous
      .via(own.stack.appUrls[index] ?? '')
      .as(token)
      .send('/api/v1/auth/me');

  it('no request fails while the new key comes in, signs, and the old one goes', async () => {
    const before = await login();
    expect(kidOf(before.accessToken)).toBe(OLD.kid);
    const failures: string[] = [];
    const kids = new Set<string>();
    let requests = 0;
    let ended = false;
    const callers = Array.from({ length: 4 }, async (_, lane) => {
      let tokens = await login();
      let renewAt = Date.now() + 3_000;
      for (let index = lane; !ended; index += 1) {
        if (Date.now() > renewAt) {
          const renewed = await own.anonymous.post('/api/v1/auth/refresh', {
            refreshToken: tokens.refreshToken,
          });
          if (renewed.status !== 200) failures.push(`refresh: ${renewed.text}`);
          tokens = renewed.json as typeof tokens;
          renewAt = Date.now() + 3_000;
        }
        kids.add(kidOf(tokens.accessToken));
        const answer = await me(tokens.accessToken, index % 2);
        requests += 1;
        if (answer.status !== 200) failures.push(answer.text);
      }
    });
    use(OLD, NEW);
    await sleep(SEEN);
    use(NEW, OLD);
    await sleep(4_500);
    // All tokens of the old key have run out; refresh tokens of it have been renewed.
    use(NEW, { ...OLD, notAfter: new Date(Date.now() + 500).toISOString() });
    await sleep(3_000);
    use(NEW);
    await sleep(SEEN);
    ended = true;
    await Promise.all(callers);
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(500);
    expect([...kids].toSorted()).toEqual([OLD.kid, NEW.kid]);
    expectProblem(
      await own.anonymous.post('/api/v1/auth/refresh', { refreshToken: before.refreshToken }),
      401,
      'unauthenticated',
    );
  }, 60_000);

  it('a key that goes takes its tokens along, also those that were verified before', async () => {
    const third = newKey('2027-01');
    use(third, NEW);
    await sleep(SEEN);
    const { accessToken } = await login();
    expect(kidOf(accessToken)).toBe(third.kid);
    for (const index of [0, 1]) expect((await me(accessToken, index)).status).toBe(200);
    use(NEW);
    await sleep(SEEN);
    for (const index of [0, 1]) expectProblem(await me(accessToken, index), 401, 'unauthenticated');
  });

  it('when every key has run out nobody gets tokens, and the log says why: 503', async () => {
    use({ ...NEW, notAfter: new Date(Date.now() + 3_000).toISOString() });
    await sleep(2_500);
    const { refreshToken } = await login();
    await sleep(1_000);
    const { email, password } = ADMIN;
    expectProblem(
      await own.anonymous.post('/api/v1/auth/login', { email, password }),
      503,
      'dependency-unavailable',
    );
    expectProblem(await own.anonymous.post('/api/v1/auth/refresh', { refreshToken }), 401, 'unauthenticated');
    const log = () =>
      own.stack.apps.map(({ tellingLogs: [path = ''] }) => readFileSync(path, 'utf8')).join('');
    expect(log()).toContain('every secret of JWT_SECRETS has run out');
    use(NEW);
    await sleep(2_500);
    await login();
  });

  it('a file that cannot be used changes nothing, and the log does not show it', async () => {
    for (const text of ['{', '[{"kid":"x","secret":"too short"}]']) {
      write(text);
      await sleep(SEEN);
      const { accessToken } = await login();
      expect(kidOf(accessToken)).toBe(NEW.kid);
    }
    const log = readFileSync(own.stack.apps[0]?.tellingLogs[0] ?? '', 'utf8');
    expect(log).toContain('JWT_SECRETS_FILE is not used as it is now');
    expect(log).not.toContain('too short');
    for (const { secret } of [OLD, NEW]) expect(log).not.toContain(secret);
  });
});
