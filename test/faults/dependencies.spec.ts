import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProblem, type FileJson } from '../harness/api.js';
import type { Answer } from '../harness/http.js';
import { ADMIN, useOwnStack } from '../harness/own-stack.js';
import { Seed } from '../harness/seed.js';

/** DESIGN §6: a part that is away or frozen is a 503 within a second, and its return needs no restart. */
describe.each(['redis', 'postgres'] as const)('%s away', (part) => {
  const own = useOwnStack();
  const bytes = randomBytes(10_000);
  let file: FileJson;
  let seed: Seed;

  beforeAll(async () => {
    seed = Seed.open(own.stack);
    file = await own.admin.upload(bytes);
  });
  afterAll(() => seed.close());

  /** What was decided within the last half minute needs PostgreSQL no more: here it is forgotten first. */
  const cold = async (request: () => Promise<Answer>): Promise<Answer> => {
    if (part === 'postgres') await seed.changed(`file:${file.id}`);
    return request();
  };
  const download = () => cold(() => own.admin.download(file.id));

  const requests: [string, () => Promise<Answer>][] = [
    ['a download', () => own.admin.download(file.id)],
    [
      'a login',
      () => own.anonymous.post('/api/v1/auth/login', { email: ADMIN.email, password: ADMIN.password }),
    ],
    ['the metadata', () => own.admin.send(`/api/v1/files/${file.id}`)],
    ['an upload', () => own.admin.sendForm([{ name: 'file', value: randomBytes(100), filename: 'x' }])],
    ['a deletion', () => own.admin.send(`/api/v1/files/${file.id}`, { method: 'DELETE' })],
  ];

  const expectRefusals = async () => {
    for (const [name, request] of requests) {
      const since = performance.now();
      const answer = await cold(request);
      const seconds = (performance.now() - since) / 1_000;
      expectProblem(answer, 503, 'dependency-unavailable');
      expect(seconds, name).toBeLessThan(1);
      expect(answer.text).not.toMatch(/redis|postgres|ECONN|127\.0\.0\.1/i);
    }
  };
  /** It comes back by itself: the first success must not take longer than this. */
  const expectRecovery = async () => {
    const since = performance.now();
    let answer = await own.admin.download(file.id);
    while (answer.status === 503 && performance.now() - since < 5_000) {
      await sleep(50);
      answer = await own.admin.download(file.id);
    }
    expect(answer.status).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
    expect((await own.admin.upload(randomBytes(100))).size).toBe(100);
  };

  it('stopped: 503 within a second; live stays 200, ready keeps the process in service; back again: served', async () => {
    await own.stack[part]?.stop();
    await expectRefusals();
    expect((await own.anonymous.send('/health/live')).status).toBe(200);
    expect((await own.anonymous.send('/health/ready')).status).toBe(200);
    await own.stack[part]?.start();
    await expectRecovery();
  });

  it('killed with SIGKILL under load, and back', async () => {
    let stop = false;
    const statuses = new Map<number, number>();
    const load = Array.from({ length: 8 }, async () => {
      while (!stop) {
        const { status, body } = await download();
        if (status === 200) expect(body.equals(bytes)).toBe(true);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    await sleep(300);
    own.stack[part]?.kill('SIGKILL');
    await own.stack[part]?.exited;
    await sleep(500);
    await own.stack[part]?.start();
    await sleep(1_500);
    stop = true;
    await Promise.all(load);
    expect([...statuses.keys()].toSorted()).toEqual([200, 503]);
    await expectRecovery();
  });

  it('frozen (SIGSTOP): 503 within a second, many at once too; thawed: served', async () => {
    own.stack[part]?.kill('SIGSTOP');
    try {
      await expectRefusals();
      const since = performance.now();
      const answers = await Promise.all(Array.from({ length: 60 }, download));
      expect((performance.now() - since) / 1_000).toBeLessThan(2);
      for (const answer of answers) expectProblem(answer, 503, 'dependency-unavailable');
    } finally {
      own.stack[part]?.kill('SIGCONT');
    }
    await expectRecovery();
  });

  if (part === 'postgres')
    it('what was decided a moment ago is still served: it needs no database', async () => {
      expect((await own.admin.download(file.id)).status).toBe(200);
      await own.stack.postgres?.stop();
      expect((await own.admin.download(file.id)).status).toBe(200);
      await own.stack.postgres?.start();
    });

  it('nothing of the refused uploads is left behind', async () => {
    const root = join(own.stack.dataDir, 'blobs');
    expect(await readdir(join(root, '.tmp')).catch(() => [])).toEqual([]);
  });
});

describe('the application away', () => {
  const own = useOwnStack();

  it('nginx answers with a problem and Retry-After, and the next process is served without a reload', async () => {
    const file = await own.admin.upload(randomBytes(100));
    own.stack.app?.kill('SIGKILL');
    await own.stack.app?.exited;
    for (const path of [`/download/${file.id}`, '/health/ready', '/api/v1/auth/me']) {
      const since = performance.now();
      expectProblem(await own.admin.send(path), 503, 'dependency-unavailable');
      expect(performance.now() - since).toBeLessThan(1_000);
    }
    await own.stack.app?.start();
    expect((await own.admin.download(file.id)).status).toBe(200);
  });
});
