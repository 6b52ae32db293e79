import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { Client } from 'minio';
import { AssumeRoleProvider } from 'minio/dist/esm/AssumeRoleProvider.mjs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { S3Volume } from '../../src/common/config/config.js';
import { S3Bucket } from '../../src/modules/storage/drivers/s3/s3-bucket.js';
import { S3DirectParts } from '../../src/modules/storage/drivers/s3/s3-direct-parts.js';
import { S3ObjectStore } from '../../src/modules/storage/drivers/s3/s3-object-store.js';
import { S3PartStore } from '../../src/modules/storage/drivers/s3/s3-part-store.js';
import { newObjectKey } from '../../src/modules/storage/index.js';
import { s3Volume } from '../harness/s3-volume.js';
import { PresignedUrls } from '../../src/modules/storage/drivers/s3/presigned-url.js';
import { type Answer, send } from '../harness/http.js';
import { CAN_FORM_CLUSTER, useMinioCluster } from '../harness/minio-cluster.js';

const BUCKET = 'files';
const KEY = '1/ab/0123456789abcdef0123456789abcd';
const NEIGHBOUR = '1/cd/0123456789abcdef0123456789abcd';
/** Those that a client may ask for. */
const KEYS = [KEY, NEIGHBOUR, 'minio/health/live', 'a.b/-_.c'];
/** What the load balancer says, and MinIO does not. */
const REFUSED = 'Only signed requests for objects pass here.';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND'];

interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken?: string;
}

const name = CAN_FORM_CLUSTER ? '' : ' (skipped: no MinIO, or no right to make a network namespace)';
describe.skipIf(!CAN_FORM_CLUSTER)(`entrances of the load balancer in front of MinIO${name}`, () => {
  const cluster = useMinioCluster();
  const bytes = randomBytes(100_000);
  let uploadId: string;

  const clientOf = (origin: string, { accessKey, secretKey, sessionToken }: Credentials = cluster) =>
    new Client({
      endPoint: '127.0.0.1',
      port: Number(new URL(origin).port),
      useSSL: false,
      region: 'us-east-1',
      pathStyle: true,
      accessKey,
      secretKey,
      ...(sessionToken !== undefined && { sessionToken }),
    });
  const inside = () => clientOf(cluster.internalUrl);
  const outside = () => clientOf(cluster.publicUrl);

  /** Path and query, signed by the root account for the public entrance. */
  const presigned = async (method: string, key: string, query: Record<string, string> = {}) => {
    const url = new URL(await outside().presignedUrl(method, BUCKET, key, 60, query));
    return url.pathname + url.search;
  };
  const part = (number: number) => presigned('PUT', `${KEY}-parts`, { uploadId, partNumber: String(number) });
  const temporary = () =>
    new AssumeRoleProvider({
      stsEndpoint: cluster.internalUrl,
      accessKey: cluster.accessKey,
      secretKey: cluster.secretKey,
      roleSessionName: 'test',
      region: 'us-east-1',
      policy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Action: ['s3:GetObject'], Resource: [`arn:aws:s3:::${BUCKET}/${KEY}`] },
        ],
      }),
    });

  beforeAll(async () => {
    await inside().makeBucket(BUCKET);
    for (const key of KEYS) await inside().putObject(BUCKET, key, bytes);
    uploadId = await inside().initiateNewMultipartUpload(BUCKET, `${KEY}-parts`, {});
  });

  describe('the public one passes', () => {
    it('what PresignedUrls signs, with name and type, and ranges of it', async () => {
      const { internalUrl: endpoint, publicUrl: publicEndpoint, accessKey, secretKey } = cluster;
      const volume: S3Volume = {
        name: 's3',
        driver: 's3',
        endpoint,
        publicEndpoint,
        region: 'us-east-1',
        bucket: BUCKET,
        prefix: '',
        accessKey,
        secretKey,
        caFile: undefined,
        urlTtl: 60,
        delivery: 'auto',
      };
      const disposition = `attachment; filename="a.bin"; filename*=UTF-8''%C3%A4%20b.bin`;
      const path = new PresignedUrls(volume, { origin: publicEndpoint, ttl: 60 }).get(KEY, Date.now(), {
        contentDisposition: disposition,
        contentType: 'text/plain',
      });
      const whole = await send(publicEndpoint, path);
      expect(whole.status, whole.text).toBe(200);
      expect(whole.headers).toMatchObject({
        'content-type': 'text/plain',
        'content-disposition': disposition,
      });
      expect(whole.body.equals(bytes)).toBe(true);
      const ranged = await send(publicEndpoint, path, { headers: { Range: 'bytes=10-19' } });
      expect(ranged.status).toBe(206);
      expect(ranged.body.equals(bytes.subarray(10, 20))).toBe(true);
    });

    it.each(KEYS)('GET and HEAD of %s, presigned', async (key) => {
      const get = await send(cluster.publicUrl, await presigned('GET', key));
      expect(get.status, get.text).toBe(200);
      expect(get.body.equals(bytes)).toBe(true);
      const head = await send(cluster.publicUrl, await presigned('HEAD', key), { method: 'HEAD' });
      expect(head.status).toBe(200);
    });

    it('GET and HEAD signed in a header, by temporary credentials too', async () => {
      const credentials = await temporary().getCredentials();
      const client = clientOf(cluster.publicUrl, {
        accessKey: credentials.getAccessKey(),
        secretKey: credentials.getSecretKey(),
        sessionToken: credentials.getSessionToken() ?? '',
      });
      for (const allowed of [outside(), client]) {
        expect((await allowed.statObject(BUCKET, KEY)).size).toBe(bytes.length);
        // With what the SDKs of AWS add, and with another name.
        for (const query of ['', 'x-id=GetObject', 'response-content-type=text%2Fplain&x-id=GetObject']) {
          const request = { method: 'GET', bucketName: BUCKET, objectName: KEY, query };
          const answer = await allowed.makeRequestAsync(request, '', [200]);
          expect((await buffer(answer)).equals(bytes)).toBe(true);
        }
      }
      // MinIO refuses this one.
      await expect(client.getObject(BUCKET, NEIGHBOUR)).rejects.toMatchObject({
        code: 'AccessDenied',
        message: expect.not.stringContaining(REFUSED) as string,
      });
    });

    it('the parts of an upload, and checks them when the client has sent a digest', async () => {
      const answer = await send(cluster.publicUrl, await part(1), { method: 'PUT', body: bytes });
      expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: '' });
      expect(answer.headers.etag).toMatch(/^"[0-9a-f]{32}"$/);
      const wrong = await send(cluster.publicUrl, await part(1), {
        method: 'PUT',
        body: bytes,
        headers: { 'Content-MD5': Buffer.alloc(16).toString('base64') },
      });
      expect(wrong.status).toBe(400);
      expect(wrong.text).toContain('BadDigest');
    });

    it('a part from a page of another origin, for which the browser asks first', async () => {
      const path = await part(1);
      const page = 'https://app.example.com';
      const asked = await send(cluster.publicUrl, path, {
        method: 'OPTIONS',
        headers: { Origin: page, 'Access-Control-Request-Method': 'PUT' },
      });
      expect(asked.status).toBe(204);
      expect(asked.headers).toMatchObject({
        'access-control-allow-origin': page,
        'access-control-allow-methods': 'PUT',
      });
      const put = await send(cluster.publicUrl, path, {
        method: 'PUT',
        body: bytes,
        headers: { Origin: page },
      });
      expect(put.status, put.text).toBe(200);
      expect(put.headers['access-control-allow-origin']).toBe(page);
    });

    it('a part that is signed by credentials for that object alone', async () => {
      const volume: S3Volume = s3Volume({
        endpoint: cluster.internalUrl,
        publicEndpoint: cluster.publicUrl,
        bucket: BUCKET,
        accessKey: cluster.accessKey,
        secretKey: cluster.secretKey,
      });
      const bucket = new S3Bucket(volume);
      await bucket.setUp();
      const key = newObjectKey('1');
      const parts = new S3PartStore(volume);
      const upload = { key, size: bytes.length, handle: await parts.begin(key, bytes.length) };
      const direct = new S3DirectParts(bucket);
      const { urls } = await direct.presign(upload, [{ index: 0, offset: 0, size: bytes.length }]);
      const { pathname, search } = new URL(urls[0] ?? '');
      expect(search).toContain('X-Amz-Security-Token');
      const put = await send(cluster.publicUrl, pathname + search, { method: 'PUT', body: bytes });
      expect(put.status, put.text).toBe(200);
      await parts.complete(
        upload,
        (await direct.list(upload)).map(({ tag }) => tag),
      );
      expect(await new S3ObjectStore(volume).size(key)).toBe(bytes.length);
    });

    it('what is signed wrongly, expired or for another object, which MinIO refuses', async () => {
      const path = await presigned('GET', KEY);
      for (const wrong of [
        path.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
        path.replace(KEY, NEIGHBOUR),
        path.replace(/X-Amz-Date=\d{4}/, 'X-Amz-Date=2020'),
      ]) {
        const answer = await send(cluster.publicUrl, wrong);
        expect(answer.status).toBe(403);
        expect(answer.text).not.toContain(REFUSED);
      }
    });
  });

  describe('the public one refuses', () => {
    const expectRefused = (answer: Answer, method: string, path: string) => {
      // nginx itself knows no TRACE.
      expect(answer.status, `${method} ${path} ${answer.text}`).toBe(method === 'TRACE' ? 405 : 403);
      if (method !== 'HEAD' && method !== 'TRACE') expect(answer.text, path).toContain(REFUSED);
    };
    const refuses = async (method: string, path: string, headers: Record<string, string> = {}) => {
      expectRefused(await send(cluster.publicUrl, path, { method, headers }), method, path);
    };

    it.each([
      '/',
      '/?Action=AssumeRole&Version=2011-06-15',
      `/${BUCKET}`,
      `/${BUCKET}/`,
      `/${BUCKET}?list-type=2`,
      `/${BUCKET}/?uploads`,
      `/${BUCKET}/?versions`,
      `/${BUCKET}/?policy`,
      `/${BUCKET}/${KEY}`,
      `/${BUCKET}/${KEY}?acl`,
      `/${BUCKET}/${KEY}?uploadId=x&partNumber=1`,
      '/minio/health/live',
      '/minio/health/cluster',
      '/minio/v2/metrics/cluster',
      '/minio/metrics/v3',
      '/minio/admin/v3/info',
      '/minio/storage/x/v63/diskinfo',
      '/minio/',
      '/login',
      '/crossdomain.xml',
    ])('%s without a signature, by any method', async (path) => {
      for (const method of METHODS) await refuses(method, path);
    });

    it.each([
      ['GET', 'list-type=2', ''],
      ['GET', 'uploads=', ''],
      ['GET', 'versions=', ''],
      ['GET', 'policy=', ''],
      ['PUT', 'policy=', ''],
      ['POST', 'delete=', ''],
      ['GET', '', ''],
      ['HEAD', '', ''],
      ['DELETE', '', ''],
      ['GET', 'acl=', KEY],
      ['GET', 'tagging=', KEY],
      ['GET', 'attributes=', KEY],
      ['GET', 'retention=', KEY],
      ['GET', 'versionId=null', KEY],
      ['GET', 'uploadId=x', KEY],
      ['GET', 'partNumber=1', KEY],
      ['PUT', '', 'new'],
      ['PUT', 'tagging=', KEY],
      ['PUT', 'partNumber=1&uploadId=x', KEY],
      ['POST', 'uploads=', 'new'],
      ['POST', 'select=&select-type=2', KEY],
      ['DELETE', '', KEY],
    ])('%s of %j in bucket or object "%s", signed by the root account', async (method, query, key) => {
      const client = outside();
      const inHeader = await client
        .makeRequestAsync({ method, bucketName: BUCKET, objectName: key, query }, '', [403])
        .then(text);
      if (method !== 'HEAD') expect(inHeader).toContain(REFUSED);
      // Two parameters make a part, which is what may be signed for clients, by the query.
      if (query.startsWith('partNumber=1&')) return;
      const parameters = Object.fromEntries(new URLSearchParams(query));
      // An object's own GET and HEAD pass; without a key that is the bucket.
      await refuses(method, await presigned(method, key, parameters));
    });

    it('the list of buckets and AssumeRole, signed by the root account', async () => {
      await expect(outside().listBuckets()).rejects.toMatchObject({ message: REFUSED });
      const sts = new AssumeRoleProvider({
        stsEndpoint: cluster.publicUrl,
        accessKey: cluster.accessKey,
        secretKey: cluster.secretKey,
        roleSessionName: 'test',
      });
      await expect(sts.getCredentials()).rejects.toThrow();
      expect((await temporary().getCredentials()).getSessionToken()).not.toBe('');
    });

    const tricks: [string, (path: string) => string][] = [
      ['a second slash', (path) => `/${path}`],
      ['a slash at the end of the key', (path) => path.replace('?', '/?')],
      ['an empty segment', (path) => path.replace(KEY, KEY.replace('/', '//'))],
      ['dots', (path) => path.replace(KEY, `x/../${KEY}`)],
      ['dots that lead out of the bucket', (path) => path.replace(BUCKET, `${BUCKET}/../minio/admin`)],
      ['encoded dots', (path) => path.replace(KEY, `x/%2e%2e/${KEY}`)],
      ['an encoded slash', (path) => path.replace(KEY, KEY.replace('/', '%2f'))],
      ['an encoded letter', (path) => path.replace(BUCKET, '%66iles')],
      ['a backslash', (path) => path.replace(KEY, KEY.replace('/', '\\'))],
      ['a semicolon', (path) => path.replace('?', ';x?')],
      ['the administration', (path) => path.replace(`/${BUCKET}/${KEY}`, '/minio/admin/v3/info')],
      ['an encoded administration', (path) => path.replace(`/${BUCKET}/${KEY}`, '/%6dinio/admin/v3/info')],
      ['the nodes among themselves', (path) => path.replace(`/${BUCKET}/${KEY}`, '/minio/lock/v7/health')],
      ['another parameter', (path) => `${path}&acl`],
      ['another parameter with a value', (path) => `${path}&acl=`],
      ['another parameter in front', (path) => path.replace('?', '?tagging&')],
      ['an encoded parameter', (path) => `${path}&%61cl`],
      ['a second question mark', (path) => path.replace('?', '?acl?')],
      ['a cut signature', (path) => path.slice(0, -1)],
      ['no signature', (path) => path.replace(/&X-Amz-Signature=.*$/, '')],
      ['a signature for STS', (path) => path.replace('%2Fs3%2F', '%2Fsts%2F')],
    ];
    it.each(tricks)('a presigned object with %s', async (_, change) => {
      const path = await presigned('GET', KEY);
      expect(change(path)).not.toBe(path);
      for (const method of ['GET', 'HEAD']) await refuses(method, change(path));
    });

    it.each(['POST', 'DELETE', 'OPTIONS', 'PATCH', 'PUT'])('a presigned object by %s', async (method) => {
      await refuses(method, await presigned(method, KEY));
    });

    it.each(['GET', 'HEAD', 'POST', 'DELETE'])('a presigned part by %s', async (method) => {
      await refuses(method, (await part(1)).replace('PUT', method));
    });

    it.each([
      'AWS4-HMAC-SHA256',
      'AWS cluster-root:c2lnbmF0dXJl',
      'Bearer x',
      'Basic eDp5',
      `AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
      `AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(63)}`,
    ])('the header "Authorization: %s"', (authorization) =>
      refuses('GET', `/${BUCKET}/${KEY}`, { Authorization: authorization }),
    );

    it('CONNECT', async () => {
      const socket = connect(Number(new URL(cluster.publicUrl).port), '127.0.0.1');
      socket.end('CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n');
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 40[05] /);
    });
  });

  it('a part takes no header that its signer has not named: nothing is copied into it', async () => {
    const copy = (origin: string, path: string) =>
      send(origin, path, {
        method: 'PUT',
        headers: { 'X-Amz-Copy-Source': `/${BUCKET}/${NEIGHBOUR}`, 'Content-Length': '0' },
      });
    const within = new URL(
      await inside().presignedUrl('PUT', BUCKET, `${KEY}-parts`, 60, { uploadId, partNumber: '2' }),
    );
    // So it would be without us.
    expect((await copy(cluster.internalUrl, within.pathname + within.search)).text).toContain(
      'CopyPartResult',
    );
    const answer = await copy(cluster.publicUrl, await part(3));
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: '' });
    const sizes = await sizesOfParts();
    expect(sizes).toMatchObject({ 2: bytes.length, 3: 0 });
  });

  const sizesOfParts = async () => {
    const listed = await inside().makeRequestAsync(
      { method: 'GET', bucketName: BUCKET, objectName: `${KEY}-parts`, query: `uploadId=${uploadId}` },
      '',
      [200],
    );
    return Object.fromEntries(
      [...(await text(listed)).matchAll(/<PartNumber>(\d+)<.*?<Size>(\d+)</gs)].map(([, number, size]) => [
        Number(number),
        Number(size),
      ]),
    );
  };

  describe('the internal one', () => {
    it('passes listing, STS and health', async () => {
      expect((await inside().listBuckets()).map(({ name: bucket }) => bucket)).toEqual([BUCKET]);
      expect((await send(cluster.internalUrl, '/minio/health/cluster')).status).toBe(200);
      expect((await temporary().getCredentials()).getAccessKey()).not.toBe('');
    });

    it.each([
      '/minio/admin/v3/info',
      '/minio/v2/metrics/cluster',
      '/minio/metrics/v3',
      '/minio/storage/x/v63/diskinfo',
      '/minio/grid/v1',
      '//minio/admin/v3/info',
      '/%6dinio/admin/v3/info',
      '/x/../minio/admin/v3/info',
      '/minio/health/../admin/v3/info',
    ])('keeps %s to the nodes', async (path) => {
      const answer = await send(cluster.internalUrl, path);
      expect(answer.status).toBe(403);
      expect(answer.headers.server).toBe('nginx');
      expect(answer.text).toContain('nginx');
    });

    it.each(['/minio/admin/v3/info/../../../../files/x', '/minio/admin/v3/../../../minio/health/live'])(
      'and what nginx reads otherwise than MinIO is nothing: %s',
      async (path) => {
        expect([400, 403, 404]).toContain((await send(cluster.internalUrl, path)).status);
      },
    );
  });

  it('no log has a signature, a token or a password', async () => {
    await send(cluster.publicUrl, await presigned('GET', KEY));
    const logs = cluster.logs();
    expect(logs).toContain(`"path":"/${BUCKET}/${KEY}"`);
    expect(logs).not.toMatch(/X-Amz-|AWS4-HMAC/i);
    expect(logs).not.toContain(cluster.secretKey);
  });
});
