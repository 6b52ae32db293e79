import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Part } from '../../scripts/stack/part.mjs';
import { freePort } from '../../scripts/stack/ports.mjs';
import type { S3Volume } from '../../src/common/config/config.js';
import { Buckets } from '../../src/modules/storage/buckets.js';
import { newObjectKey, ObjectCredentials } from '../../src/modules/storage/index.js';
import { S3Bucket } from '../../src/modules/storage/drivers/s3/s3-bucket.js';
import { findGoTool } from '../../scripts/bootstrap/go-tools.mjs';
import { send } from '../harness/http.js';
import { useMinio } from '../harness/own-minio.js';
import { askAnonymously, ownerOf, s3Volume } from '../harness/s3-volume.js';
import { HAS_MINIO, HAS_VERSITYGW } from '../harness/stores.js';

const REGION = 'eu-north-1';
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'download-service-bucket-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the setup of that volume says is wrong. */
async function faultOf(volume: S3Volume): Promise<string> {
  const bucket = new S3Bucket(volume);
  const message = await bucket.setUp().then(
    () => 'it was set up',
    (error: unknown) => (error as Error).message,
  );
  expect(bucket.report).toBeUndefined();
  expect(bucket.fault).toBe(message);
  for (const secret of [volume.secretKey, 'a wrong secret'])
    expect(message, 'a secret in a message').not.toContain(secret);
  return message;
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.skipIf(!HAS_MINIO)('a bucket on MinIO', () => {
  // A store that has a region, and says so when another is asked for.
  const minio = useMinio({ MINIO_SITE_REGION: REGION });
  const volume = (more: Partial<S3Volume> = {}): S3Volume => minio.volume({ region: REGION, ...more });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('is made when it is missing, private, and its abilities are known', async () => {
    const missing = volume();
    const report = await new S3Bucket(missing).setUp();
    expect(report).toMatchObject({
      created: true,
      public: false,
      abilities: { sts: true, notifications: true, conditionalWrites: true, directUploads: true },
    });
    expect(await askAnonymously(missing, '')).toBe(403);
    expect(await askAnonymously(missing, '.write-probe')).toBe(403);
    expect(await new S3Bucket(missing).setUp()).toMatchObject({ created: false, public: false });
  });

  it('is set up by several replicas at once', async () => {
    const missing = volume();
    const reports = await Promise.all(Array.from({ length: 6 }, () => new S3Bucket(missing).setUp()));
    for (const { abilities } of reports) {
      expect(abilities).toEqual({
        sts: true,
        notifications: true,
        conditionalWrites: true,
        directUploads: true,
      });
    }
  });

  it('says that MinIO takes no rule for unfinished uploads alone', async () => {
    const { remarks } = await new S3Bucket(volume()).setUp();
    expect(remarks).toEqual([
      expect.stringMatching(/takes no rule for unfinished uploads \(InvalidArgument\)/),
    ]);
  });

  it('says that MinIO has its CORS origins elsewhere, where there are any', async () => {
    const { remarks, abilities } = await new S3Bucket(volume(), ['https://app.example.com']).setUp();
    expect(remarks).toContainEqual(
      expect.stringMatching(/takes no CORS rules \(NotImplemented\).*MINIO_API_CORS_ALLOW_ORIGIN/),
    );
    expect(abilities.directUploads).toBe(true);
  });

  describe('that everybody may read', () => {
    const toAll = (bucket: string, principal: unknown = '*') => ({
      Effect: 'Allow',
      Principal: principal,
      Action: ['s3:GetObject'],
      Resource: [`arn:aws:s3:::${bucket}/*`],
    });
    const setPolicy = async (of: S3Volume, statements: readonly object[]) => {
      await ownerOf(of).ask({ method: 'PUT', expect: [200, 409] });
      await ownerOf(of).ask({ method: 'PUT', key: `${of.prefix}.write-probe`, expect: [200] });
      const body = JSON.stringify({ Version: '2012-10-17', Statement: statements });
      await ownerOf(of).ask({ method: 'PUT', query: 'policy=', body, expect: [200, 204] });
      expect(await askAnonymously(of, `${of.prefix}.write-probe`)).toBe(200);
    };

    it.each([['*'], [{ AWS: ['*'] }]])('is closed (%j)', async (principal) => {
      const open = volume();
      await setPolicy(open, [toAll(open.bucket, principal)]);
      const report = await new S3Bucket(open).setUp();
      expect(report.public).toBe(false);
      expect(report.remarks).toContainEqual(expect.stringContaining('have been removed'));
      expect(await askAnonymously(open, '.write-probe')).toBe(403);
    });

    it('is closed, and keeps what its policy says besides', async () => {
      const open = volume();
      const kept = {
        ...toAll(open.bucket),
        Effect: 'Deny',
        Action: ['s3:DeleteBucket'],
        Resource: [`arn:aws:s3:::${open.bucket}`],
      };
      await setPolicy(open, [toAll(open.bucket), kept]);
      expect((await new S3Bucket(open).setUp()).public).toBe(false);
      expect(await askAnonymously(open, '.write-probe')).toBe(403);
      const { body } = await ownerOf(open).ask({ method: 'GET', query: 'policy=', expect: [200] });
      expect((JSON.parse(body) as { Statement: { Effect: string }[] }).Statement).toMatchObject([
        { Effect: 'Deny' },
      ]);
    });

    it('is left as it is where it is shared, and that is said loudly', async () => {
      const shared = volume({ prefix: 'blobs/' });
      await setPolicy(shared, [toAll(shared.bucket)]);
      const report = await new S3Bucket(shared).setUp();
      expect(report.public).toBe(true);
      expect(report.remarks).toContainEqual(expect.stringContaining('left as it is'));
      expect(await askAnonymously(shared, 'blobs/.write-probe')).toBe(200);
    });
  });

  describe('that cannot be set up says why, and which setting to look at', () => {
    it('an access key that nobody has', async () => {
      expect(await faultOf(volume({ accessKey: 'nobody' }))).toBe(
        'the store does not know the access key (InvalidAccessKeyId); see "accessKey" of the volume in VOLUMES',
      );
    });

    it('another secret key, of a volume that has variables of its own', async () => {
      expect(await faultOf(volume({ secretKey: 'a wrong secret', ownVariables: true }))).toBe(
        'the secret key is not that of the access key (SignatureDoesNotMatch); see S3_SECRET_KEY',
      );
    });

    it('another region', async () => {
      expect(await faultOf(volume({ region: 'eu-south-1' }))).toMatch(
        /^the region is not that of the store or the bucket \(\w+\); see "region" of the volume in VOLUMES$/,
      );
    });

    it.each([-20, 20])('a clock that is %i minutes off', async (minutes) => {
      const unset = volume();
      vi.useFakeTimers({ now: Date.now() + minutes * 60_000, toFake: ['Date'] });
      expect(await faultOf(unset)).toMatch(
        /^the clocks of this machine and of the store differ too much \(RequestTimeTooSkewed\)/,
      );
    });

    it('a store that hangs', async () => {
      minio.part.kill('SIGSTOP');
      try {
        const frozen = new S3Bucket(volume());
        const since = performance.now();
        expect(await frozen.ping(500)).toMatchObject({
          reachable: false,
          error: expect.stringContaining('does not serve') as string,
        });
        expect(performance.now() - since).toBeLessThan(1_500);
      } finally {
        minio.part.kill('SIGCONT');
      }
    });
  });

  it('answers whether it is there', async () => {
    const there = new S3Bucket(volume());
    expect(await there.ping(1_000)).toMatchObject({
      reachable: true,
      error: expect.stringContaining('NoSuchBucket') as string,
    });
    await there.setUp();
    expect(await there.ping(1_000)).toEqual({ reachable: true });
    expect(await new S3Bucket({ ...there.volume, secretKey: 'x' }).ping(1_000)).toMatchObject({
      reachable: true,
      error: expect.stringContaining('SignatureDoesNotMatch') as string,
    });
  });
});

describe.skipIf(!HAS_VERSITYGW)('a bucket on another engine (versitygw)', () => {
  let gateway: Part;
  let volume: (more?: Partial<S3Volume>) => S3Volume;

  beforeAll(async () => {
    const port = await freePort();
    const file = findGoTool('versitygw') ?? '';
    await Promise.all(['posix', 'iam'].map((name) => mkdir(join(folder, name))));
    const env = { ...process.env, ROOT_ACCESS_KEY: 'root', ROOT_SECRET_KEY: 'root-secret' };
    gateway = new Part(
      {
        name: 'versitygw',
        command: {
          file,
          args: [
            '--quiet',
            '--port',
            `127.0.0.1:${port}`,
            '--iam-dir',
            join(folder, 'iam'),
            'posix',
            join(folder, 'posix'),
          ],
          env,
          cwd: folder,
        },
        deathSignal: 'TERM',
        logFile: join(folder, 'versitygw.log'),
        tellingLogs: [join(folder, 'versitygw.log')],
        isReady: async (signal) => (await fetch(`http://127.0.0.1:${port}/`, { signal })).status > 0,
        readySeconds: 20,
        stopSteps: [{ signal: 'SIGTERM', seconds: 5 }],
      },
      () => undefined,
    );
    await gateway.start(AbortSignal.timeout(30_000));
    volume = (more = {}) =>
      s3Volume({
        endpoint: `http://127.0.0.1:${port}`,
        accessKey: 'root',
        secretKey: 'root-secret',
        ...more,
      });
    // An account of the least role, which cannot make buckets.
    execFileSync(file, [
      'admin',
      '--access',
      'root',
      '--secret',
      'root-secret',
      '--endpoint-url',
      `http://127.0.0.1:${port}`,
      'create-user',
      '--access',
      'least',
      '--secret',
      'least-secret',
      '--role',
      'user',
    ]);
  });
  afterAll(() => gateway.stop());

  it('is made, and has the abilities of that engine', async () => {
    const report = await new S3Bucket(volume()).setUp();
    expect(report).toMatchObject({
      created: true,
      public: false,
      abilities: { sts: false, notifications: false, conditionalWrites: true, directUploads: true },
      remarks: [expect.stringMatching(/takes no rule for unfinished uploads \(NotImplemented\)/)],
    });
  });

  it('lets pages of some origins send parts, and nobody else; other rules stay', async () => {
    const of = volume();
    const [page, other, stranger] = [
      'https://app.example.com',
      'https://b.example.com',
      'https://evil.example.com',
    ];
    /** What a browser is told before it sends a part from a page of that origin. */
    const preflight = async (origin: string, method = 'PUT') => {
      const headers = { Origin: origin, 'Access-Control-Request-Method': method };
      const answer = await send(of.endpoint, `/${of.bucket}/1/ab/c?partNumber=1`, {
        method: 'OPTIONS',
        headers,
      });
      return answer.headers['access-control-allow-origin'];
    };
    const rules = async () =>
      (await ownerOf(of).ask({ method: 'GET', query: 'cors=', expect: [200] })).body.match(/<CORSRule>/g);

    expect((await new S3Bucket(of, [page]).setUp()).remarks).toHaveLength(1);
    expect(await preflight(page)).toBe(page);
    expect(await preflight(page, 'DELETE')).toBeUndefined();
    expect(await preflight(stranger)).toBeUndefined();

    const foreign = `<CORSRule><AllowedOrigin>${stranger}</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>`;
    const body = `<CORSConfiguration>${foreign}</CORSConfiguration>`;
    const md5 = createHash('md5').update(body).digest('base64');
    await ownerOf(of).ask({
      method: 'PUT',
      query: 'cors=',
      body,
      headers: { 'Content-MD5': md5 },
      expect: [200],
    });
    for (const origins of [[page], [page, other], [page, other], [other]]) {
      await new S3Bucket(of, origins).setUp();
      expect(await rules()).toHaveLength(2);
    }
    expect(await preflight(other)).toBe(other);
    expect(await preflight(page)).toBeUndefined();
    expect(await preflight(stranger, 'GET')).toBe(stranger);
    await new S3Bucket(of, []).setUp();
    expect(await preflight(other)).toBe(other);
  });

  it('gives no credentials, and that is known without asking it', async () => {
    const of = volume();
    const buckets = new Buckets(
      { volumes: [of], defaultVolume: of.name, blobTrashDays: 30 },
      { corsOrigins: [] },
    );
    await buckets.get(of.name)?.setUp();
    const request = {
      objects: [{ volume: of.name, key: newObjectKey('1') }],
      ttl: 900,
      rightEndsAt: null,
    };
    await expect(new ObjectCredentials(buckets).issue(request)).rejects.toMatchObject({
      kind: { code: 'credentials-unavailable', status: 422 },
      detail: 'The store of the files gives no temporary credentials: download them.',
    });
  });

  it('a key that may not make the bucket', async () => {
    expect(
      await faultOf(volume({ accessKey: 'least', secretKey: 'least-secret', bucket: 'not-there' })),
    ).toBe(
      'the access key may not create the missing bucket not-there: it lacks the right s3:CreateBucket (AccessDenied); see "accessKey" of the volume in VOLUMES',
    );
  });

  it('a key that may not write to the bucket that is there', async () => {
    const of = volume();
    await new S3Bucket(of).setUp();
    expect(await faultOf({ ...of, accessKey: 'least', secretKey: 'least-secret' })).toMatch(
      /^the access key may not write to the bucket \S+: it lacks the right s3:PutObject \(AccessDenied\)/,
    );
  });
});

describe('an endpoint that is no S3 store', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    await Promise.all(
      servers.splice(0).map(
        (server) =>
          new Promise((resolve) => {
            server.close(resolve).closeAllConnections();
          }),
      ),
    );
  });
  const serve = async (listener: RequestListener): Promise<string> => {
    const server = createServer((request, response) => {
      request.resume();
      listener(request, response);
    });
    servers.push(server);
    return `http://${await listen(server)}`;
  };

  it.each([
    [200, '<!doctype html><title>Welcome</title>'],
    [404, '<!doctype html><title>Not found</title>'],
    [404, ''],
    [200, ''],
    [400, '{"error": "what?"}'],
    [302, ''],
  ])('%i %j', async (status, body) => {
    const endpoint = await serve((_request, response) => response.writeHead(status).end(body));
    expect(await faultOf(s3Volume({ endpoint }))).toBe(
      `what answers at ${endpoint} is not an S3 store; see "endpoint" of the volume in VOLUMES`,
    );
  });

  it('503: it does not serve', async () => {
    const endpoint = await serve((_request, response) => response.writeHead(503).end());
    expect(await faultOf(s3Volume({ endpoint }))).toMatch(
      /does not serve: the store answered 503; see "endpoint"/,
    );
  });

  it('nobody listens there', async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    expect(await faultOf(s3Volume({ endpoint, ownVariables: true }))).toBe(
      `${endpoint} cannot be reached (ECONNREFUSED); see S3_ENDPOINT`,
    );
  });

  it('nobody has that name', async () => {
    expect(await faultOf(s3Volume({ endpoint: 'http://store.invalid:9000' }))).toMatch(
      /^http:\/\/store.invalid:9000 cannot be reached \((ENOTFOUND|EAI_AGAIN)\); see "endpoint"/,
    );
  });

  it('http where https is meant, and the other way round', async () => {
    const plain = await serve((_request, response) => response.end());
    expect(await faultOf(s3Volume({ endpoint: plain.replace('http:', 'https:') }))).toMatch(
      /does not speak https \(\w+\); see "endpoint"/,
    );
  });

  it('a certificate that nobody vouches for', async () => {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '1',
        '-keyout',
        key,
        '-out',
        cert,
        '-subj',
        '/CN=elsewhere',
        '-addext',
        'subjectAltName=IP:127.0.0.1',
      ],
      { stdio: 'ignore' },
    );
    const server = createTlsServer(
      { key: await readFile(key), cert: await readFile(cert) },
      (_request, response) => response.writeHead(404).end(),
    );
    servers.push(server);
    const address = await listen(server);
    expect(await faultOf(s3Volume({ endpoint: `https://${address}`, ownVariables: true }))).toBe(
      `the certificate of https://${address} is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT); see S3_CA_FILE`,
    );
    expect(await faultOf(s3Volume({ endpoint: `https://${address}`, caFile: cert }))).toContain(
      'is not an S3 store',
    );
    expect(
      await faultOf(s3Volume({ endpoint: `https://localhost:${address.split(':')[1] ?? ''}`, caFile: cert })),
    ).toMatch(/does not hold \(ERR_TLS_CERT_ALTNAME_INVALID\); see "endpoint"/);
  });

  it('a store that does not know If-None-Match, by ignoring it or by refusing it', async () => {
    for (const refuses of [false, true]) {
      const endpoint = await serve((request, response) => {
        const url = request.url ?? '';
        if (url.includes('location=')) response.end('<LocationConstraint/>');
        else if (request.method === 'PUT' && refuses && request.headers['if-none-match'] !== undefined)
          response.writeHead(501).end('<Error><Code>NotImplemented</Code></Error>');
        else if (request.method === 'PUT') response.end();
        else response.writeHead(404).end('<Error><Code>NoSuchThing</Code></Error>');
      });
      const { abilities } = await new S3Bucket(s3Volume({ endpoint })).setUp();
      expect(abilities).toEqual({
        sts: false,
        notifications: false,
        conditionalWrites: false,
        directUploads: false,
      });
    }
  });
});
