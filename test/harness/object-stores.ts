import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'minio';
import { MINIO_USER, minioSpec } from '../../scripts/stack/minio.mjs';
import { Part } from '../../scripts/stack/part.mjs';
import { freePort } from '../../scripts/stack/ports.mjs';
import type { S3Volume } from '../../src/common/config/config.js';
import { WRITE_PROBE } from '../../src/modules/storage/drivers/s3/store-abilities.js';
import { VERSITYGW_USER, versitygwSpec } from './versitygw.js';

export type Engine = 'minio' | 'versitygw';

const PASSWORD = 'first-light-in-november';

/** A store of its own, without a stack around it. */
export class TestStore {
  private readonly client: Client;

  private constructor(
    private readonly engine: Engine,
    private readonly dataDir: string,
    readonly part: Part,
    readonly port: number,
  ) {
    this.client = new Client({
      endPoint: '127.0.0.1',
      port,
      useSSL: false,
      accessKey: engine === 'minio' ? MINIO_USER : VERSITYGW_USER,
      secretKey: PASSWORD,
      region: 'us-east-1',
    });
  }

  static async start(engine: Engine): Promise<TestStore> {
    const dataDir = await mkdtemp(join(tmpdir(), `download-service-${engine}-`));
    for (const folder of ['log', 'secrets']) await mkdir(join(dataDir, folder));
    const plan = { dataDir, port: await freePort(), password: PASSWORD };
    const spec = engine === 'minio' ? minioSpec(plan) : versitygwSpec(plan);
    const store = new TestStore(engine, dataDir, new Part(spec, () => undefined), plan.port);
    await store.part.start();
    return store;
  }

  async stop(): Promise<void> {
    await this.part.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  /** A bucket of its own. @param port where the driver is to meet the store: a proxy's, or its own */
  async volume(prefix = '', port = this.port): Promise<S3Volume> {
    const bucket = `test-${Math.random().toString(36).slice(2)}`;
    await this.client.makeBucket(bucket);
    const endpoint = `http://127.0.0.1:${port}`;
    return {
      name: 's3',
      driver: 's3',
      endpoint,
      publicEndpoint: endpoint,
      region: 'us-east-1',
      bucket,
      prefix,
      accessKey: this.engine === 'minio' ? MINIO_USER : VERSITYGW_USER,
      secretKey: PASSWORD,
      caFile: undefined,
      urlTtl: 300,
      delivery: 'auto',
    };
  }

  /** Keys of a bucket's objects, apart from the one that a setup leaves, and of its multipart uploads that are not finished. */
  async contents(bucket: string, key: string): Promise<string[]> {
    const found: string[] = [];
    for await (const { name } of this.client.listObjectsV2(bucket, '', true) as AsyncIterable<{
      name: string;
    }>)
      if (!name.endsWith(WRITE_PROBE)) found.push(name);
    // MinIO lists those of exactly the key that it is asked for.
    const { uploads } = await this.client.listIncompleteUploadsQuery(bucket, key, '', '', '');
    found.push(...uploads.map((upload) => `unfinished ${upload.key}`));
    return found;
  }

  /** As another client would. */
  put(bucket: string, key: string, bytes: Buffer): Promise<unknown> {
    return this.client.putObject(bucket, key, bytes);
  }

  delete(bucket: string, key: string): Promise<void> {
    return this.client.removeObject(bucket, key);
  }

  /** A part of an upload that another has begun, past the service. @param number from 1 */
  async putPart(bucket: string, key: string, uploadID: string, number: number, bytes: Buffer): Promise<void> {
    const part = { bucketName: bucket, objectName: key, uploadID, partNumber: number, headers: {} };
    await this.client.uploadPart(part, bytes);
  }

  /** Begins a multipart upload, as one that died has. */
  async beginUpload(bucket: string, key: string): Promise<void> {
    const id = await this.client.initiateNewMultipartUpload(bucket, key, {});
    await this.client.uploadPart(
      { bucketName: bucket, objectName: key, uploadID: id, partNumber: 1, headers: {} },
      Buffer.alloc(100),
    );
  }
}
