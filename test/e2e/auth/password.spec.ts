import { describe, expect, it } from 'vitest';
import { createKey, expectInvalid, openSession, refresh } from '../../harness/accounts.js';
import { type Api, expectProblem, patiently } from '../../harness/api.js';
import type { Answer } from '../../harness/http.js';
import type { SeededUser } from '../../harness/seed.js';
import { useWorld } from '../../harness/world.js';

const PASSWORD = '/api/v1/auth/password';
const ME = '/api/v1/auth/me';
const NEW = 'correct horse battery staple';

describe('POST /api/v1/auth/password', () => {
  const world = useWorld();

  const newcomer = async (): Promise<{ user: SeededUser; api: Api }> => {
    const user = await world.seed.user(world.tenantId);
    return { user, api: await world.anonymous.login(user.email, user.password) };
  };
  const change = (api: Api, currentPassword: unknown, newPassword: unknown): Promise<Answer> =>
    patiently(() => api.post(PASSWORD, { currentPassword, newPassword }));
  const login = (email: string, password: string): Promise<Answer> =>
    patiently(() => world.anonymous.post('/api/v1/auth/login', { email, password }));

  it('204: every session and key ends, and only the new password opens the account', async () => {
    const { user, api } = await newcomer();
    const other = await openSession(world.anonymous, user);
    const { key } = await createKey(api);
    const byKey = world.anonymous.withKey(key);
    expect((await byKey.send('/api/v1/files')).status).toBe(200);

    const answer = await change(api, user.password, NEW);
    expect(answer.status, answer.text).toBe(204);
    expectProblem(await api.send(ME), 401, 'unauthenticated');
    expectProblem(await world.anonymous.as(other.accessToken).send(ME), 401, 'unauthenticated');
    expectProblem(await refresh(world.anonymous, other.refreshToken), 401, 'unauthenticated');
    expectProblem(await byKey.send('/api/v1/files'), 401, 'unauthenticated');
    expectProblem(await login(user.email, user.password), 401, 'unauthenticated');
    expect((await login(user.email, NEW)).status).toBe(200);
    expect((await world.owner.send(ME)).status).toBe(200);
  });

  it('403: the current password is wrong, and nothing ends', async () => {
    const { user, api } = await newcomer();
    for (const wrong of ['wrong', `${user.password} `, user.password.slice(1), NEW]) {
      expectProblem(await change(api, wrong, NEW), 403, 'wrong-password');
    }
    expect((await api.send(ME)).status).toBe(200);
    expect((await login(user.email, user.password)).status).toBe(200);
  });

  it('401: without credentials; 403: with an API key', async () => {
    const { user, api } = await newcomer();
    expectProblem(await change(world.anonymous, user.password, NEW), 401, 'unauthenticated');
    const { key } = await createKey(api);
    expectProblem(await change(world.anonymous.withKey(key), user.password, NEW), 403, 'forbidden');
  });

  it('of two changes at once, one is the password and the other is refused', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { user, api } = await newcomer();
      const second = await world.anonymous.login(user.email, user.password);
      const passwords = [`${NEW} one`, `${NEW} two`];
      const answers = await Promise.all(
        passwords.map((password, at) => change(at === 0 ? api : second, user.password, password)),
      );
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 204)).toHaveLength(1);
      expect([401, 403]).toContain(statuses.find((status) => status !== 204));
      const opens = await Promise.all(passwords.map((password) => login(user.email, password)));
      expect(opens.map(({ status }) => status)).toEqual(
        statuses.map((status) => (status === 204 ? 200 : 401)),
      );
    }
  });

  it.each([
    ['an admin resets the password', 'password_hash = password_hash || $$x$$, auth_epoch = auth_epoch + 1'],
    ['all sessions end', 'auth_epoch = auth_epoch + 1'],
    ['the user is disabled', 'disabled_at = now()'],
    ['the user is deleted', 'deleted_at = now()'],
  ])('401: %s while the passwords are compared', async (_name, set) => {
    const { user, api } = await newcomer();
    const hashOf = async () =>
      (
        await world.seed.query<{ password_hash: string }>('SELECT password_hash FROM users WHERE id = $1', [
          user.id,
        ])
      )[0]?.password_hash;
    const before = await hashOf();
    const answer = await world.seed.overtake(user.id, `UPDATE users SET ${set} WHERE id = $1`, () =>
      change(api, user.password, NEW),
    );
    expectProblem(answer, 401, 'unauthenticated');
    expect((await hashOf())?.replace(/x$/, '')).toBe(before);
  });

  it.each<[string, object, string[]]>([
    ['nothing', {}, ['currentPassword', 'newPassword']],
    ['no new one', { currentPassword: 'x' }, ['newPassword']],
    ['no current one', { newPassword: NEW }, ['currentPassword']],
    ['an empty current one', { currentPassword: '', newPassword: NEW }, ['currentPassword']],
    ['a new one of 7', { currentPassword: 'x', newPassword: '1234567' }, ['newPassword']],
    ['a new one of 1,025', { currentPassword: 'x', newPassword: 'x'.repeat(1_025) }, ['newPassword']],
    ['a current one of 1,025', { currentPassword: 'x'.repeat(1_025), newPassword: NEW }, ['currentPassword']],
    ['null', { currentPassword: null, newPassword: null }, ['currentPassword', 'newPassword']],
    ['numbers', { currentPassword: 1, newPassword: 12_345_678 }, ['currentPassword', 'newPassword']],
    ['arrays', { currentPassword: ['x'], newPassword: [NEW] }, ['currentPassword', 'newPassword']],
    ['objects', { currentPassword: {}, newPassword: {} }, ['currentPassword', 'newPassword']],
    ['another user', { currentPassword: 'x', newPassword: NEW, userId: '1' }, ['userId']],
    ['an array of it', [], ['currentPassword', 'newPassword']],
  ])('400: %s', async (_name, body, fields) => {
    expectInvalid(await world.owner.post(PASSWORD, body), fields);
  });

  it('413: 100 kilobytes', async () => {
    expectProblem(
      await world.owner.post(PASSWORD, { currentPassword: 'x'.repeat(100_000), newPassword: NEW }),
      413,
      'payload-too-large',
    );
  });
});
