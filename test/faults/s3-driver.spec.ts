import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { S3Volume } from '../../src/common/config/config.js';
import { S3ObjectStore } from '../../src/modules/storage/drivers/s3/s3-object-store.js';
import { newObjectKey, type ObjectKey } from '../../src/modules/storage/index.js';
import { TestStore } from '../harness/object-stores.js';
import { HAS_MINIO } from '../harness/stores.js';
import { TcpProxy } from '../harness/tcp-proxy.js';

const MIB = 2 ** 20;
const never = new AbortController().signal;
const AWAY = { kind: { code: 'dependency-unavailable', status: 503 } };

/** The driver on a real MinIO behind a link that fails; where its own deadlines count, they are waited for. */
describe.skipIf(!HAS_MINIO)('the S3 driver and a link that fails', () => {
  let server: TestStore;
  let link: TcpProxy;
  let volume: S3Volume;
  let store: S3ObjectStore;
  const bytes = randomBytes(40 * MIB);
  let key: ObjectKey;

  beforeAll(async () => {
    server = await TestStore.start('minio');
    link = await TcpProxy.to(server.port);
    volume = await server.volume('', link.port);
    store = new S3ObjectStore(volume);
    await store.write((key = newObjectKey('1')), Readable.from([bytes]), never);
  });
  afterAll(async () => {
    await link.refuse();
    await server.stop();
  });
  afterEach(() => {
    link.heal();
  });

  const read = () => store.read(key, { first: 0, last: bytes.length - 1 }, never);
  const seconds = async (work: Promise<unknown>): Promise<number> => {
    const since = performance.now();
    await work;
    return (performance.now() - since) / 1_000;
  };

  it('a reader that pauses for longer than a store may is not hurried', async () => {
    const received: Buffer[] = [];
    let length = 0;
    let paused = false;
    for await (const chunk of await read()) {
      received.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      if (paused || length < 5 * MIB) continue;
      paused = true;
      await sleep(12_000);
    }
    expect(Buffer.concat(received).equals(bytes)).toBe(true);
  });

  it('a store that stalls in the middle of a body fails it within seconds', async () => {
    const stream = await read();
    stream.once('data', () => {
      link.set({ stalled: true });
    });
    const taken = await seconds(expect(buffer(stream)).rejects.toThrow('no byte within'));
    expect(taken).toBeGreaterThan(4);
    expect(taken).toBeLessThan(7);
  });

  it('a body that is cut fails, and never ends early', async () => {
    const stream = await read();
    link.set({ cutAfterDown: 10 * MIB });
    await expect(buffer(stream)).rejects.toThrow('broke off');
  });

  it('a slow store is not taken for one that is away', async () => {
    const slow = newObjectKey('1');
    link.set({ bandwidth: 1.5 * MIB, latency: 20 });
    // One part of 8 MiB alone takes longer than a store may be silent.
    const content = bytes.subarray(0, 20 * MIB);
    await store.write(slow, Readable.from([content]), never);
    link.heal();
    expect(await store.size(slow)).toBe(content.length);
  });

  it('parts that are cut off are sent again', async () => {
    const again = newObjectKey('1');
    link.set({ cutAfterUp: 12 * MIB });
    const healing = setTimeout(() => {
      link.heal();
    }, 1_500);
    await store.write(again, Readable.from([bytes]), never);
    clearTimeout(healing);
    expect(
      (await buffer(await store.read(again, { first: 0, last: bytes.length - 1 }, never))).equals(bytes),
    ).toBe(true);
    expect(await server.contents(volume.bucket, again)).not.toContain(`unfinished ${again}`);
  });

  it('a write is outlived by a store that is away for three seconds', async () => {
    const long = newObjectKey('1');
    const source = Readable.from(
      (async function* () {
        for (let at = 0; at < bytes.length; at += MIB) {
          yield bytes.subarray(at, at + MIB);
          await sleep(10);
          if (at === 20 * MIB) await link.refuse();
        }
      })(),
    );
    const back = sleep(3_000).then(() => link.accept());
    await store.write(long, source, never);
    await back;
    expect(await store.size(long)).toBe(bytes.length);
  });

  it('a store that hangs fails a write in time, also while its source is silent; what is left is removed later', async () => {
    const hung = newObjectKey('1');
    const source = Readable.from(
      (async function* () {
        yield bytes.subarray(0, 10 * MIB);
        await new Promise(() => undefined);
      })(),
    );
    // It begins, and hangs in the middle of the first part.
    setTimeout(() => {
      link.set({ stalled: true });
    }, 100);
    link.set({ bandwidth: 4 * MIB });
    expect(await seconds(expect(store.write(hung, source, never)).rejects.toMatchObject(AWAY))).toBeLessThan(
      20,
    );
    expect(source.destroyed).toBe(true);
    link.heal();
    await sleep(2_500);
    expect(await server.contents(volume.bucket, hung)).toContain(`unfinished ${hung}`);
    await store.remove(hung);
    expect(await server.contents(volume.bucket, hung)).not.toContain(`unfinished ${hung}`);
  });

  it('when a store is away nobody waits for it after the first few; back again, it is used within seconds', async () => {
    link.set({ stalled: true });
    expect(await seconds(Promise.allSettled(Array.from({ length: 10 }, () => store.size(key))))).toBeLessThan(
      7,
    );
    expect(await seconds(expect(store.size(key)).rejects.toMatchObject(AWAY))).toBeLessThan(1);
    expect(
      await seconds(
        expect(store.write(newObjectKey('1'), Readable.from([bytes]), never)).rejects.toMatchObject(AWAY),
      ),
    ).toBeLessThan(1);
    link.heal();
    let size: number | undefined;
    const taken = await seconds(
      (async () => {
        while (size === undefined) {
          size = await store.size(key).catch(() => undefined);
          await sleep(50);
        }
      })(),
    );
    expect(size).toBe(bytes.length);
    expect(taken).toBeLessThan(8);
  });

  it('an idle connection that the store has closed is not used again', async () => {
    expect(await store.size(key)).toBe(bytes.length);
    link.cut();
    expect(await store.size(key)).toBe(bytes.length);
  });

  it('1 GiB through a slow link takes the memory of a few parts', { timeout: 120_000 }, async () => {
    link.set({ bandwidth: 25 * MIB });
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--expose-gc',
      '--max-semi-space-size=8',
      '--no-concurrent-array-buffer-sweeping',
      'test/harness/write-object.mjs',
      JSON.stringify(volume),
      newObjectKey('1'),
      String(2 ** 30),
    ]);
    const grown = JSON.parse(stdout) as { rss: number; buffers: number };
    process.stdout.write(
      `1 GiB into S3: +${grown.rss.toFixed(0)} MiB resident, +${grown.buffers.toFixed(0)} MiB of buffers at most\n`,
    );
    expect(grown.buffers).toBeGreaterThan(8);
    expect(grown.rss).toBeLessThan(96);
  });
});
