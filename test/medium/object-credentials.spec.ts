import { describe, expect, it } from 'vitest';
import type { S3Volume } from '../../src/common/config/config.js';
import { Problem } from '../../src/common/problems/index.js';
import { Buckets } from '../../src/modules/storage/buckets.js';
import { newObjectKey, ObjectCredentials } from '../../src/modules/storage/index.js';
import { useMinio } from '../harness/own-minio.js';
import { HAS_MINIO } from '../harness/stores.js';

describe.skipIf(!HAS_MINIO)('credentials of a store', () => {
  const minio = useMinio();

  const issue = (volume: S3Volume, files = 1) =>
    new ObjectCredentials(
      new Buckets({ volumes: [volume], defaultVolume: volume.name, blobTrashDays: 30 }, { corsOrigins: [] }),
    ).issue({
      objects: Array.from({ length: files }, () => ({ volume: volume.name, key: newObjectKey('1') })),
      ttl: 900,
      rightEndsAt: null,
    });
  /** Code, status and detail of the problem. */
  const refusal = async (of: Promise<unknown>): Promise<unknown> => {
    const problem: unknown = await of.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(problem instanceof Problem)) throw new Error('no problem', { cause: problem });
    return { ...problem.kind, detail: problem.detail };
  };

  it('name the public endpoint, and objects below the prefix', async () => {
    const volume = minio.volume({ publicEndpoint: 'https://s3.example.com', prefix: 'blobs/' });
    const { endpoint, region, objects } = await issue(volume);
    expect({ endpoint, region }).toEqual({ endpoint: 'https://s3.example.com', region: 'us-east-1' });
    expect(objects).toEqual([
      {
        bucket: volume.bucket,
        key: expect.stringMatching(/^blobs\/1\/[0-9a-f]{2}\/[0-9a-f]{30}$/) as string,
      },
    ]);
  });

  it('not where the policy would be longer than STS takes', async () => {
    const long = { bucket: 'b'.repeat(63), prefix: `${'p'.repeat(60)}/` };
    await issue(minio.volume(long), 10);
    expect(await refusal(issue(minio.volume(long), 20))).toMatchObject({
      code: 'credentials-unavailable',
      detail: expect.stringContaining('2048 characters') as string,
    });
  });

  it('not where STS refuses', async () => {
    expect(await refusal(issue(minio.volume({ secretKey: 'a wrong secret' })))).toMatchObject({
      code: 'credentials-unavailable',
      detail: 'The store gives none.',
    });
  });

  it('503 while the store hangs, within six seconds, and given again when it is back', async () => {
    const volume = minio.volume();
    minio.part.kill('SIGSTOP');
    try {
      const since = performance.now();
      expect(await refusal(issue(volume))).toMatchObject({ code: 'dependency-unavailable', status: 503 });
      expect(performance.now() - since).toBeLessThan(6_000);
    } finally {
      minio.part.kill('SIGCONT');
    }
    expect((await issue(volume)).sessionToken).toMatch(/\w/);
  });

  it('503 where nobody listens', async () => {
    const volume = minio.volume({ endpoint: 'http://127.0.0.1:1' });
    expect(await refusal(issue(volume))).toMatchObject({ code: 'dependency-unavailable', status: 503 });
  });
});
