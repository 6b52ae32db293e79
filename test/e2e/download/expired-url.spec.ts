import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../../scripts/stack/start-stack.mjs';
import type { Api, FileJson } from '../../harness/api.js';
import { send } from '../../harness/http.js';
import { storeVariables } from '../../harness/shared-stack.js';
import { HAS_MINIO } from '../../harness/stores.js';
import { useWorld } from '../../harness/world.js';

/** An application without nginx, whose volume redirects whatever it can, by URLs of one second. */
describe.skipIf(!HAS_MINIO)('a presigned URL that has expired', () => {
  const world = useWorld();
  const bytes = randomBytes(3_000_000);
  let folder: string;
  let stack: Stack;
  let owner: Api;
  let file: FileJson;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'expired-'));
    stack = await startStack({
      dataDir: folder,
      parts: ['app'],
      databaseUrl: world.stack.databaseUrl,
      redisUrl: world.stack.redisUrl,
      env: {
        ...storeVariables(world.stack),
        S3_DELIVERY: 'redirect',
        S3_URL_TTL: '1',
        DEFAULT_VOLUME: 's3',
        JWT_SECRET_FILE: world.stack.jwtSecretFile,
      },
    });
    owner = world.owner.via(stack.appUrl);
    file = await owner.upload(bytes);
  });
  afterAll(async () => {
    await stack.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('opens nothing any more; the download goes on here, authorised anew', async () => {
    const answer = await owner.download(file.id);
    expect(answer.status).toBe(302);
    const { origin, pathname, search } = new URL(answer.headers.location ?? '');
    const first = await send(origin, pathname + search, { headers: { Range: 'bytes=0-999999' } });
    expect(first.status).toBe(206);
    await sleep(2_100);
    expect((await send(origin, pathname + search, { headers: { Range: 'bytes=1000000-' } })).status).toBe(
      403,
    );

    const resumed = await owner.download(file.id, {
      Range: 'bytes=1000000-',
      'If-Range': first.headers.etag ?? '',
    });
    expect(resumed.status).toBe(206);
    expect(Buffer.concat([first.body, resumed.body]).equals(bytes)).toBe(true);
    expect((await world.member.via(stack.appUrl).download(file.id, { Range: 'bytes=1000000-' })).status).toBe(
      404,
    );
  });

  it('a plain Range is redirected again', async () => {
    const answer = await owner.download(file.id, { Range: 'bytes=1000000-' });
    expect(answer.status).toBe(302);
    const { origin, pathname, search } = new URL(answer.headers.location ?? '');
    const rest = await send(origin, pathname + search, { headers: { Range: 'bytes=1000000-' } });
    expect(rest.body.equals(bytes.subarray(1_000_000))).toBe(true);
  });

  it.each([
    ['If-Match of ours', { 'If-Match': 'etag' }, 200],
    ['If-Modified-Since of before', { 'If-Modified-Since': 'Sat, 21 Nov 2020 10:00:00 GMT' }, 200],
    ['If-Range of another', { 'If-Range': '"x"', Range: 'bytes=5-9' }, 200],
    ['several ranges', { Range: 'bytes=0-1,5-6' }, 206],
  ] as [string, Record<string, string>, number][])(
    'what the store would judge otherwise is sent from here: %s',
    async (_, headers, status) => {
      const answer = await owner.download(
        file.id,
        Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [
            name,
            value === 'etag' ? `"${file.sha256}"` : value,
          ]),
        ),
      );
      expect(answer.status).toBe(status);
      if (status === 200) expect(answer.body.equals(bytes)).toBe(true);
    },
  );
});
