import { randomBytes } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Api } from '../harness/api.js';
import { useOwnStack } from '../harness/own-stack.js';

const MIB = 2 ** 20;

/** Real: PostgreSQL, Redis, nginx, two replicas, HTTP clients. What is measured is what arrives. */
describe('userRate on two replicas behind one nginx', () => {
  const own = useOwnStack({}, { replicas: 2 });
  const bytes = randomBytes(16 * MIB);
  const opened: Arriving[] = [];
  afterEach(() => {
    for (const { answer } of opened.splice(0)) answer.destroy();
  });

  const newUser = async (limits: object): Promise<{ user: Api; id: string; file: string }> => {
    const email = `u${Math.random().toString(36).slice(2)}@example.com`;
    const password = 'first light in november';
    const made = await own.admin.post('/api/v1/users', { email, password });
    const { id } = made.json as { id: string };
    expect((await own.admin.patch(`/api/v1/users/${id}`, { limits })).status).toBe(200);
    const user = await own.anonymous.login(email, password);
    return { user, id, file: (await user.upload(bytes)).id };
  };

  interface Arriving {
    readonly answer: IncomingMessage;
    readonly body: Promise<Buffer>;
    received(): number;
  }
  const open = (user: Api, file: string, origin = own.stack.publicUrl) =>
    new Promise<Arriving>((resolve, reject) => {
      const headers = { Authorization: `Bearer ${user.token ?? ''}` };
      get(`${origin}/download/${file}`, { agent: false, headers }, (answer) => {
        const chunks: Buffer[] = [];
        let received = 0;
        const body = new Promise<Buffer>((whole, cut) => {
          answer.on('data', (chunk: Buffer) => {
            chunks.push(chunk);
            received += chunk.length;
          });
          answer.on('end', () => {
            whole(Buffer.concat(chunks));
          });
          answer.on('error', cut);
        });
        body.catch(() => undefined);
        const arriving = { answer, body, received: () => received };
        opened.push(arriving);
        resolve(arriving);
      }).on('error', reject);
    });
  const together = (transfers: readonly Arriving[]) =>
    transfers.reduce((sum, each) => sum + each.received(), 0);

  it('three transfers stay within 10 % of the bucket and share it evenly, whichever replica sends', async () => {
    const rate = 3 * MIB;
    const { user, file } = await newUser({ userRate: rate });
    const origins = [own.stack.publicUrl, ...own.stack.appUrls];
    const since = performance.now();
    const transfers = await Promise.all(origins.map((origin) => open(user, file, origin)));
    await sleep(1_000);
    const from = { at: performance.now(), each: transfers.map((each) => each.received()) };
    expect(together(transfers)).toBeLessThanOrEqual(rate * ((performance.now() - since) / 1_000 + 1));
    await sleep(4_000);
    const seconds = (performance.now() - from.at) / 1_000;
    const each = transfers.map((transfer, place) => transfer.received() - (from.each[place] ?? 0));
    const all = each.reduce((sum, of) => sum + of, 0);
    expect(all / seconds / rate).toBeGreaterThan(0.9);
    expect(all / seconds / rate).toBeLessThan(1.1);
    for (const of of each) expect(Math.abs(of / (all / 3) - 1)).toBeLessThan(0.2);
  });

  it('a slow rate arrives as it is sent, not in nginx buffers', async () => {
    const { user, file } = await newUser({ userRate: 2_048 });
    const since = performance.now();
    const transfer = await open(user, file);
    await sleep(3_000);
    // Less than a buffer of nginx holds: 0.75 s at once and three seconds' worth.
    expect(transfer.received()).toBeGreaterThan(5_000);
    expect(transfer.received()).toBeLessThanOrEqual(2_048 * ((performance.now() - since) / 1_000 + 1));
  });

  it('PATCH /users/:id reaches a transfer that runs', async () => {
    const { user, id, file } = await newUser({ userRate: 100_000 });
    const transfer = await open(user, file);
    await sleep(1_000);
    await own.admin.patch(`/api/v1/users/${id}`, { limits: { userRate: 2 * MIB } });
    await sleep(2_000);
    const before = { at: performance.now(), received: transfer.received() };
    await sleep(2_000);
    const seconds = (performance.now() - before.at) / 1_000;
    const faster = (transfer.received() - before.received) / seconds;
    expect(faster).toBeGreaterThan(1.6 * MIB);
    expect(faster).toBeLessThan(2.5 * MIB);
    await own.admin.patch(`/api/v1/users/${id}`, { limits: { userRate: null } });
    expect((await transfer.body).equals(bytes)).toBe(true);
  });

  it('a transferRate beside it holds for each one', async () => {
    const { user, file } = await newUser({ userRate: 4 * MIB, transferRate: 500_000 });
    const transfers = await Promise.all([open(user, file), open(user, file)]);
    await sleep(1_000);
    const since = performance.now();
    const before = transfers.map((each) => each.received());
    await sleep(3_000);
    const seconds = (performance.now() - since) / 1_000;
    transfers.forEach((each, place) => {
      const rate = (each.received() - (before[place] ?? 0)) / seconds;
      expect(rate / 500_000).toBeGreaterThan(0.85);
      expect(rate / 500_000).toBeLessThan(1.15);
    });
  });

  it('SIGTERM: a shaped transfer is finished before its process ends', async () => {
    const { user, file } = await newUser({ userRate: 4 * MIB });
    const [, second] = own.stack.apps;
    const transfer = await open(user, file, own.stack.appUrls[1] ?? '');
    await sleep(500);
    second?.kill('SIGTERM');
    expect((await transfer.body).equals(bytes)).toBe(true);
    expect(await second?.exited).toEqual({ code: 0, signal: null });
    await second?.start();
  });
});
