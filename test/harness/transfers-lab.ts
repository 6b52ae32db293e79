import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../scripts/stack/ports.mjs';
import { type Stack, startStack } from '../../scripts/stack/start-stack.mjs';
import type { TransferLine } from '../../src/modules/downloads/transfers/access-log-line.js';
import { RedisFollowerLease } from '../../src/modules/downloads/transfers/redis-follower-lease.js';
import { TransferFollower } from '../../src/modules/downloads/transfers/transfer-follower.js';
import { TransferReports } from '../../src/modules/downloads/transfers/transfer-reports.js';

/** Writes down what is reported, and when. */
export class Recorder extends TransferReports {
  readonly lines: (TransferLine & { readonly at: number })[] = [];
  readonly beats: { readonly instance: string; readonly at: number }[] = [];

  override ended(lines: readonly TransferLine[]): Promise<void> {
    const at = performance.now();
    this.lines.push(...lines.map((line) => ({ ...line, at })));
    return Promise.resolve();
  }

  override alive(instance: string): Promise<void> {
    this.beats.push({ instance, at: performance.now() });
    return Promise.resolve();
  }
}

/** Bytes of the file that every download gets. */
export const BLOB_BYTES = 2_000_000;

/**
 * Real: nginx with our template, Redis. In place of the application a server that answers each request with X-Accel-Redirect to one
 * blob and the download's id that the request asks for (`X-Wanted-Id`): what nginx makes of it is the subject.
 */
export class TransfersLab {
  readonly followers: { follower: TransferFollower; redis: Redis }[] = [];
  private readonly loads: (() => Promise<unknown>)[] = [];
  /** What the application was told: values of X-Nginx-Instance. */
  readonly instances: (string | string[] | undefined)[] = [];
  /** `_accel` by the volume on this disk; else headers of the answer. */
  answer: Record<string, string>;

  private constructor(
    readonly stack: Stack,
    readonly accessLog: string,
    private readonly application: Server,
    private readonly dataDir: string,
    key: string,
  ) {
    this.answer = { 'X-Accel-Redirect': `/_accel/local/ranged/${key}` };
    application.on('request', (request, response) => {
      const { headers } = request;
      this.instances.push(headers['x-nginx-instance']);
      response.writeHead(200, {
        ...this.answer,
        'X-Request-Id': headers['x-request-id'],
        'X-Download-Id': headers['x-wanted-id'] ?? 'some-download',
        'X-Accel-Limit-Rate': headers['x-wanted-rate'] ?? '0',
      });
      response.end();
    });
  }

  static async open(env: Record<string, string> = {}): Promise<TransfersLab> {
    const dataDir = await mkdtemp(join(tmpdir(), 'transfers-'));
    const appPort = await freePort();
    const application = createServer({ keepAliveTimeout: 65_000 }).listen(appPort, '127.0.0.1');
    await once(application, 'listening');
    const stack = await startStack({ dataDir, appPort, parts: ['redis', 'nginx'], env });
    const key = `1/ab/${'c'.repeat(30)}`;
    const blob = join(dataDir, 'blobs', key);
    await mkdir(dirname(blob), { recursive: true });
    await writeFile(blob, randomBytes(BLOB_BYTES));
    return new TransfersLab(stack, stack.env.NGINX_ACCESS_LOG ?? '', application, dataDir, key);
  }

  get statusUrl(): string {
    return this.stack.env.NGINX_STATUS_URL ?? '';
  }

  /** A replica's follower in this process. */
  follow(reports: TransferReports): TransferFollower {
    const redis = new Redis(this.stack.redisUrl, { commandTimeout: 500, maxRetriesPerRequest: 0 });
    redis.on('error', () => undefined);
    const follower = new TransferFollower(
      { accessLog: this.accessLog, statusUrl: this.statusUrl },
      { volumes: [], defaultVolume: 'local', blobTrashDays: 30 },
      new RedisFollowerLease(redis),
      reports,
    );
    this.followers.push({ follower, redis });
    follower.onApplicationBootstrap();
    return follower;
  }

  /** A download whose body is read to its end. @returns its request id */
  async download(headers: Record<string, string> = {}, path = '/download/1'): Promise<string> {
    const answer = await fetch(`${this.stack.publicUrl}${path}`, { headers });
    await answer.arrayBuffer();
    return answer.headers.get('x-request-id') ?? '';
  }

  /** Downloads of a few bytes, as fast as they go, until it is stopped. */
  startLoad(lanes = 8): { stop: () => Promise<string[]> } {
    const ids: string[] = [];
    let running = true;
    const all = Array.from({ length: lanes }, async () => {
      while (running) ids.push(await this.download({ Range: 'bytes=0-99' }));
    });
    const stop = async (): Promise<string[]> => {
      running = false;
      await Promise.all(all);
      return ids;
    };
    this.loads.push(stop);
    return { stop };
  }

  /** A test that has failed leaves its load behind. */
  async stopLoads(): Promise<void> {
    await Promise.all(this.loads.splice(0).map((stop) => stop()));
  }

  async stopFollowers(): Promise<void> {
    for (const { follower, redis } of this.followers.splice(0)) {
      await follower.beforeApplicationShutdown();
      redis.disconnect();
    }
  }

  async close(): Promise<void> {
    await this.stopLoads();
    await this.stopFollowers();
    await this.stack.stop();
    this.application.close();
    this.application.closeAllConnections();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
