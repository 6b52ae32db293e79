import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, Module, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../scripts/stack/start-stack.mjs';
import { loadConfig } from '../../src/common/config/load-config.js';
import { createFastifyAdapter } from '../../src/common/http/fastify-adapter.js';
import { conditionalHeaders } from '../../src/common/http/index.js';
import { createLogger } from '../../src/common/telemetry/logger.js';
import { Buckets } from '../../src/modules/storage/buckets.js';
import type { DeliveryLimits } from '../../src/modules/storage/delivery/choose-delivery.js';
import {
  chooseDelivery,
  type Delivery,
  newObjectKey,
  sendDelivery,
  type Shape,
  Volumes,
} from '../../src/modules/storage/index.js';
import { HAS_MINIO } from '../harness/stores.js';

const RATE = 1_000_000;
const BYTES = randomBytes(3_000_000);
const MODES = HAS_MINIO ? (['accel', 'accel-s3', 'stream'] as const) : (['accel', 'stream'] as const);
type Mode = 'accel' | 'accel-s3' | 'stream';

/** What the next answer is to be. */
const next: { choose: (request: FastifyRequest) => Delivery } = {
  choose: () => {
    throw new Error('nothing was chosen');
  },
};

@Controller('download')
class NextDownload {
  @Get()
  open(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return sendDelivery(next.choose(request), request, reply);
  }
}

@Module({ controllers: [NextDownload] })
class Downloads {}

/** Real: nginx, MinIO, Fastify, the sending, the stores. Fake: who decides. */
describe('the pace of one transfer', () => {
  let dataDir: string;
  let stack: Stack;
  let app: NestFastifyApplication;
  let volumes: Volumes;
  let closing: Promise<void> | undefined;
  const key = newObjectKey('1');
  const representation = {
    etag: '"abc"',
    lastModified: new Date('2026-11-21T10:00:00Z'),
    filename: 'a.bin',
    contentType: 'application/octet-stream',
    size: BYTES.length,
    sha256: '0'.repeat(64),
    public: false,
    aliases: [],
  };

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'download-service-pace-'));
    stack = await startStack({
      dataDir,
      parts: ['nginx'],
      s3: HAS_MINIO,
      env: { S3_DELIVERY: 'accel-s3', LOG_LEVEL: 'silent', TRUSTED_PROXIES: '127.0.0.1' },
    });
    const config = loadConfig(stack.env);
    const buckets = new Buckets(config.storage, config.http);
    for (const bucket of buckets.all()) await bucket.setUp();
    volumes = new Volumes(config.storage, buckets);
    for (const name of volumes.names)
      await volumes.get(name).store.write(key, Readable.from([BYTES]), new AbortController().signal);
    app = await NestFactory.create<NestFastifyApplication>(
      Downloads,
      await createFastifyAdapter(config.http, config.nginx, createLogger(config.log)),
      { logger: false, bodyParser: false },
    );
    await app.listen(stack.appPort, '127.0.0.1');
  });
  afterAll(async () => {
    await closing;
    await stack.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const choose = (mode: Mode, limits: DeliveryLimits) => {
    next.choose = ({ headers, method }) => {
      const volume = volumes.get(mode === 'accel-s3' ? 's3' : 'local');
      const request = { ...conditionalHeaders(headers), range: headers.range, head: method === 'HEAD' };
      const chosen =
        volume.driver === 'fs' ? { ...volume, delivery: mode === 'accel' ? mode : 'stream' } : volume;
      return chooseDelivery(request, representation, { volume: chosen as typeof volume, key }, limits);
    };
  };
  const open = (origin: string, headers: Record<string, string> = {}, method = 'GET') =>
    new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest(`${origin}/download`, { agent: false, headers, method }, resolve).on('error', reject).end();
    });
  /** As our nginx says who it is. */
  const BY_NGINX = { 'X-Nginx-Instance': 'nginx-1', 'X-Forwarded-For': '192.0.2.1' };
  const timed = async (origin: string, headers: Record<string, string> = {}) => {
    const since = performance.now();
    const answer = await open(origin, headers);
    const body = await buffer(answer);
    return { answer, body, seconds: (performance.now() - since) / 1_000 };
  };

  it.each(MODES)('%s through nginx: about its rate, every byte', async (mode) => {
    choose(mode, { transferRate: RATE });
    const { answer, body, seconds } = await timed(stack.publicUrl, BY_NGINX);
    expect(answer.statusCode).toBe(200);
    expect(body.equals(BYTES)).toBe(true);
    // nginx counts whole seconds: up to two seconds' worth go out at once.
    expect(seconds).toBeGreaterThan(0.9);
    expect(seconds).toBeLessThan(4.5);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('x-accel'))).toEqual([]);
  });

  it('stream without nginx: paced by the application, one second of burst at most', async () => {
    choose('stream', { transferRate: RATE });
    const { answer, body, seconds } = await timed(stack.appUrl);
    expect(body.equals(BYTES)).toBe(true);
    expect(seconds).toBeGreaterThan(2);
    expect(seconds).toBeLessThan(3.3);
    expect(answer.headers['x-accel-limit-rate']).toBeUndefined();
    expect(answer.headers['x-accel-buffering']).toBeUndefined();
  });

  it('stream through nginx: left to nginx', async () => {
    choose('stream', { transferRate: RATE });
    const { answer, seconds } = await timed(stack.appUrl, BY_NGINX);
    expect(answer.headers['x-accel-limit-rate']).toBe(String(RATE));
    expect(seconds).toBeLessThan(1.5);
  });

  it.each([
    ['nobody else may say that it is nginx', { 'X-Nginx-Instance': 'nginx-1' }],
    ['nor under a name that is none', { ...BY_NGINX, 'X-Nginx-Instance': 'a b' }],
  ])('%s', async (_, headers) => {
    choose('stream', { transferRate: RATE });
    const { answer, seconds } = await timed(stack.appUrl, headers);
    expect(answer.headers['x-accel-limit-rate']).toBeUndefined();
    expect(seconds).toBeGreaterThan(2);
  });

  describe('with a shape', () => {
    const seen: number[] = [];
    const shape: Shape = async function* (body) {
      for await (const chunk of body) {
        seen.push(chunk.length);
        yield chunk;
      }
    };

    it.each(MODES)('%s becomes a stream, whose bytes are not collected by nginx', async (mode) => {
      seen.length = 0;
      choose(mode, { shape });
      const { answer, body } = await timed(stack.appUrl, BY_NGINX);
      expect(answer.headers['x-accel-redirect']).toBeUndefined();
      expect(answer.headers['x-accel-buffering']).toBe('no');
      expect(body.equals(BYTES)).toBe(true);
      expect(seen.reduce((sum, length) => sum + length, 0)).toBe(BYTES.length);
    });

    it('and a rate of its own: kept by the application, in pieces that the shape sees', async () => {
      seen.length = 0;
      choose('stream', { shape, transferRate: RATE });
      const { answer, body, seconds } = await timed(stack.publicUrl, BY_NGINX);
      expect(body.equals(BYTES)).toBe(true);
      expect(seconds).toBeGreaterThan(2);
      expect(answer.headers['x-accel-limit-rate']).toBeUndefined();
      expect(Math.max(...seen)).toBeLessThanOrEqual(RATE / 20);
    });

    it.each([
      ['bytes=0-9', 206, 10],
      ['bytes=100-', 206, BYTES.length - 100],
      ['bytes=5-3', 200, BYTES.length],
    ])('%s keeps its length', async (range, status, length) => {
      choose('stream', { shape, transferRate: 100 * RATE });
      const { answer, body } = await timed(stack.publicUrl, { ...BY_NGINX, Range: range });
      expect(answer.statusCode).toBe(status);
      expect(answer.headers['content-length']).toBe(String(length));
      expect(body.length).toBe(length);
    });

    it('several ranges keep their length', async () => {
      choose('stream', { shape, transferRate: 100 * RATE });
      const { answer, body } = await timed(stack.publicUrl, {
        ...BY_NGINX,
        Range: 'bytes=0-9,500000-700000',
      });
      expect(answer.statusCode).toBe(206);
      expect(answer.headers['content-type']).toMatch(/^multipart\/byteranges/);
      expect(answer.headers['content-length']).toBe(String(body.length));
      expect(body.includes(BYTES.subarray(500_000, 700_001))).toBe(true);
    });

    it('HEAD has the headers, and shapes nothing', async () => {
      seen.length = 0;
      choose('stream', { shape, transferRate: RATE });
      const answer = await open(stack.publicUrl, BY_NGINX, 'HEAD');
      expect(answer.headers['content-length']).toBe(String(BYTES.length));
      expect((await buffer(answer)).length).toBe(0);
      expect(seen).toEqual([]);
    });

    it('one that fails cuts the connection: the client sees that this is not all', async () => {
      choose('stream', {
        shape: async function* (body) {
          for await (const chunk of body) {
            yield chunk;
            throw new Error('Redis stays away');
          }
        },
      });
      await expect(timed(stack.appUrl)).rejects.toThrow('aborted');
    });
  });

  it.each(['appUrl', 'publicUrl'] as const)(
    'a client that goes away frees the transfer at once, while it waits for its turn (%s)',
    async (origin) => {
      let ended: number | undefined;
      choose('stream', {
        transferRate: 1_024,
        shape: async function* (body) {
          try {
            yield* body;
          } finally {
            ended = performance.now();
          }
        },
      });
      const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
      const answer = await open(stack[origin], BY_NGINX);
      let received = 0;
      answer.on('data', (bytes: Buffer) => (received += bytes.length)).on('error', () => undefined);
      await sleep(1_000);
      // It does arrive at its pace: less than nginx would keep in a buffer.
      expect(received).toBeGreaterThan(700);
      expect(ended).toBeUndefined();
      const before = timers();
      const since = performance.now();
      answer.destroy();
      await expect.poll(() => ended, { timeout: 5_000, interval: 10 }).toBeDefined();
      expect((ended ?? 0) - since).toBeLessThan(500);
      expect(timers()).toBeLessThanOrEqual(before);
    },
  );

  it('an orderly end waits for a transfer that is slow', async () => {
    choose('stream', { transferRate: RATE });
    const answer = await open(stack.appUrl);
    const body = buffer(answer);
    await sleep(300);
    let closed = false;
    closing = app.close().then(() => {
      closed = true;
    });
    await sleep(700);
    expect(closed).toBe(false);
    expect((await body).equals(BYTES)).toBe(true);
    await closing;
  });
});
