import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { minioSpec, minioVariables } from '../../scripts/stack/minio.mjs';
import { Part } from '../../scripts/stack/part.mjs';
import { freePort } from '../../scripts/stack/ports.mjs';
import { type Stack, startStack } from '../../scripts/stack/start-stack.mjs';
import { Api } from '../harness/api.js';
import { ADMIN } from '../harness/own-stack.js';
import { HAS_MINIO } from '../harness/stores.js';

interface Volume {
  readonly name: string;
  readonly reachable?: boolean;
  readonly abilities?: unknown;
  readonly freeBytes?: number;
  readonly error?: string;
}

const WRONG_SECRET = 'hunter2-hunter2-hunter2';

/** RULES 10.1: a store that is away, or that refuses us, takes no replica out; when it can be used, it is. */
describe.skipIf(!HAS_MINIO)('volumes whose stores are away or refuse us when the application starts', () => {
  let folder: string;
  let dataDir: string;
  let minio: Part;
  let stack: Stack;
  let operator: Api;
  let anonymous: Api;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'download-service-store-'));
    dataDir = join(folder, 'data');
    const plan = { dataDir: join(folder, 'store'), port: await freePort(), password: 'a-good-password' };
    await mkdir(join(plan.dataDir, 'secrets'), { recursive: true });
    await mkdir(join(plan.dataDir, 'log'));
    minio = new Part(minioSpec(plan), () => undefined);
    const variables = minioVariables(plan);
    const { S3_ENDPOINT: endpoint, S3_ACCESS_KEY: accessKey } = variables;
    const local = { name: 'local', driver: 'fs', root: join(folder, 'blobs'), delivery: 'accel' };
    const unmounted = { name: 'unmounted', driver: 'fs', root: join(folder, 'not-there') };
    const refused = {
      name: 'refused',
      driver: 's3',
      endpoint,
      bucket: 'refused',
      accessKey,
      secretKey: WRONG_SECRET,
    };
    await mkdir(local.root);
    stack = await startStack({
      dataDir,
      durable: false,
      admin: ADMIN,
      env: { ...variables, VOLUMES: JSON.stringify([local, unmounted, refused]) },
    });
    anonymous = new Api(stack.publicUrl);
    operator = await anonymous.login(ADMIN.email, ADMIN.password);
  });
  afterAll(async () => {
    await stack.stop();
    await minio.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const volume = async (name: string): Promise<Volume | undefined> => {
    const answer = await operator.send('/health/ready');
    expect(answer.status, answer.text).toBe(200);
    expect(answer.text).not.toContain(WRONG_SECRET);
    return (answer.json as { details: { volumes: Volume[] } }).details.volumes.find(
      (one) => one.name === name,
    );
  };
  /** Asks until it is so; details may be some seconds old. */
  const until = async (name: string, expected: object): Promise<void> => {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const found = await volume(name);
      try {
        expect(found).toMatchObject(expected);
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(250);
      }
    }
  };
  const said = (): Promise<string> => readFile(join(dataDir, 'log/app.log'), 'utf8');
  const expectServed = async (): Promise<void> => {
    const bytes = randomBytes(1_000);
    const { id } = await operator.upload(bytes);
    expect((await operator.download(id)).body.equals(bytes)).toBe(true);
    expect((await anonymous.send('/health/ready')).json).toEqual({ status: 'ok' });
  };
  const unreachable = {
    reachable: false,
    error: expect.stringMatching(/\(ECONNREFUSED\); see S3_ENDPOINT$/) as string,
  };

  it('it starts, is ready, serves the other volumes and says what is wrong', async () => {
    await expectServed();
    expect(await volume('s3')).toMatchObject(unreachable);
    expect(await volume('s3')).not.toHaveProperty('abilities');
    expect(await volume('unmounted')).toEqual({
      name: 'unmounted',
      driver: 'fs',
      delivery: 'stream',
      error: 'the folder cannot be looked at (ENOENT)',
    });
    expect(await said()).toMatch(
      /"level":"error".*volume s3: http:\S+ cannot be reached \(ECONNREFUSED\); see S3_ENDPOINT/,
    );
  });

  it('the stores come: what can be used is used without a restart, and what is refused says why', async () => {
    await minio.start(AbortSignal.timeout(60_000));
    await until('s3', {
      reachable: true,
      abilities: { sts: true, conditionalWrites: true, directUploads: true },
    });
    await until('refused', {
      reachable: true,
      error:
        'the secret key is not that of the access key (SignatureDoesNotMatch); see "secretKey" of the volume in VOLUMES',
    });
    expect(await volume('s3')).not.toHaveProperty('error');
    const log = await said();
    expect(log).toMatch(
      /"level":"info".*volume s3: bucket download-service at http:\S+ is made; sts yes, notifications yes, conditionalWrites yes/,
    );
    expect(log).not.toContain(WRONG_SECRET);
    await expectServed();
  });

  it('a refusal is said again at each try, ever more seldom', async () => {
    const times = (await said())
      .split('\n')
      .filter((line) => line.includes('volume refused:'))
      .map((line) => Date.parse(String((JSON.parse(line) as { time: unknown }).time)));
    expect(times.length).toBeGreaterThanOrEqual(3);
    const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(waits.at(-1)).toBeGreaterThan(waits[0] ?? Infinity);
  });

  it('frozen: probes go on at once, details within two seconds, and a start does not wait for it', async () => {
    minio.kill('SIGSTOP');
    try {
      await until('s3', { reachable: false, error: expect.stringContaining('does not serve') as string });
      await sleep(5_100);
      const since = performance.now();
      expect(await volume('s3')).toMatchObject({ reachable: false });
      expect(performance.now() - since).toBeLessThan(2_500);
      await expectServed();
      const restarted = performance.now();
      await stack.app?.stop();
      await stack.app?.start();
      expect(performance.now() - restarted).toBeLessThan(12_000);
      await expectServed();
    } finally {
      minio.kill('SIGCONT');
    }
    await until('s3', { reachable: true, abilities: { sts: true } });
  });
});
