import { execFile } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ensureCertificates } from '../../scripts/stack/certificates.mjs';
import { type Stack, startStack } from '../../scripts/stack/start-stack.mjs';
import { Api, expectProblem, type FileJson } from '../harness/api.js';
import { trusted } from '../harness/http.js';
import { ADMIN, useOwnStack } from '../harness/own-stack.js';
import { HAS_MINIO } from '../harness/stores.js';

const run = promisify(execFile);

describe('HTTPS by nginx', () => {
  const own = useOwnStack({}, { tls: true });
  const bytes = randomBytes(3_000_000);
  let file: FileJson;
  beforeAll(async () => {
    file = await own.admin.upload(bytes);
  });

  const curl = async (args: readonly string[]): Promise<Buffer> => {
    const all = ['-sS', '-H', `Authorization: Bearer ${own.admin.token ?? ''}`, ...args];
    return (await run('curl', all, { encoding: 'buffer', maxBuffer: 10 ** 7 })).stdout;
  };
  const urlOf = ({ id }: FileJson) => `${own.stack.publicUrl}/download/${id}`;
  const cacert = () => ['--cacert', own.stack.caFile ?? ''];

  it('a download, whole and in ranges; URLs that are handed out say https', async () => {
    expect(own.stack.env.PUBLIC_URL).toMatch(/^https:\/\/localhost:\d+$/);
    const whole = await own.admin.download(file.id);
    expect(whole.status).toBe(200);
    expect(whole.body.equals(bytes)).toBe(true);
    const part = await own.admin.download(file.id, { Range: 'bytes=-1000', 'If-Range': `"${file.sha256}"` });
    expect(part.status).toBe(206);
    expect(part.body.equals(bytes.subarray(-1_000))).toBe(true);
  });

  it.each(['--http1.1', '--http2'])('curl %s downloads and uploads', async (version) => {
    const protocol = ['-w', '%{stderr}%{http_version}', version, ...cacert()];
    expect((await curl([...protocol, urlOf(file)])).equals(bytes)).toBe(true);
    const folder = await mkdtemp(join(tmpdir(), 'tls-'));
    try {
      await writeFile(join(folder, 'up.bin'), bytes.subarray(0, 1_000_000));
      const form = ['-F', `file=@${folder}/up.bin`];
      const json = await curl([version, ...cacert(), ...form, `${own.stack.publicUrl}/api/v1/files`]);
      expect(JSON.parse(json.toString())).toMatchObject({ size: 1_000_000 });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('without the authority nobody is served', async () => {
    await expect(curl([urlOf(file)])).rejects.toMatchObject({ code: 60 });
    // Under a name at which the harness trusts nobody.
    await expect(
      own.admin.via(own.stack.publicUrl.replace('localhost', '127.0.0.1')).download(file.id),
    ).rejects.toThrow(/certificate/);
  });

  it('plain HTTP on the same port is 400, as a problem', async () => {
    const answer = await own.admin.via(own.stack.publicUrl.replace('https:', 'http:')).download(file.id);
    expectProblem(answer, 400, 'validation-failed');
  });

  const handshake = (options: object) =>
    new Promise<string>((resolve) => {
      const socket = connect(
        { port: own.stack.publicPort, host: '127.0.0.1', ca: trusted.get(own.stack.publicUrl), ...options },
        () => {
          resolve(socket.getProtocol() ?? '');
          socket.destroy();
        },
      ).on('error', (error: NodeJS.ErrnoException) => {
        resolve(error.code ?? error.message);
      });
    });

  it('TLS 1.2 and 1.3, nothing older; by each name of this machine, and by no other', async () => {
    expect(await handshake({ servername: 'localhost' })).toBe('TLSv1.3');
    expect(await handshake({ servername: 'localhost', maxVersion: 'TLSv1.2' })).toBe('TLSv1.2');
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' };
    expect(await handshake({ servername: 'localhost', ...old })).toMatch(/PROTOCOL|ALERT/);
    expect(await handshake({})).toBe('TLSv1.3');
    expect(await handshake({ host: '::1' })).toBe('TLSv1.3');
    expect(await handshake({ servername: 'example.com' })).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('keys are for nobody else to read', async () => {
    for (const name of ['ca.key', 'ca.crt', 'server.key', 'server.crt']) {
      expect((await stat(join(own.stack.dataDir, 'tls', name))).mode & 0o777).toBe(0o600);
    }
  });
});

describe('the authority of the local stack', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'tls-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  const ensure = () => ensureCertificates(dataDir, undefined);
  const pathOf = (name: string) => join(dataDir, 'tls', name);
  const certificate = async (name: string) => new X509Certificate(await readFile(pathOf(name)));
  const fingerprints = async () => [
    (await certificate('ca.crt')).fingerprint256,
    (await certificate('server.crt')).fingerprint256,
  ];
  /** A certificate of the authority by other rules than ours. */
  const sign = (name: string, days: number, more: string[]) =>
    run('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'],
      ...['-days', String(days), '-keyout', pathOf(`${name}.key`), '-out', pathOf(`${name}.crt`), ...more],
    ]);
  const byAuthority = (subject: string, alternative: string) => [
    ...['-CA', pathOf('ca.crt'), '-CAkey', pathOf('ca.key'), '-subj', subject],
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', `subjectAltName=${alternative}`],
  ];

  it('is kept, and so is what it has signed', async () => {
    const files = await ensure();
    expect(files.caFile).toBe(pathOf('ca.crt'));
    const before = await fingerprints();
    await ensure();
    expect(await fingerprints()).toEqual(before);
  });

  it('signs anew before a certificate ends, and stays', async () => {
    await ensure();
    const [authority] = await fingerprints();
    await sign('server', 10, byAuthority('/CN=localhost', 'DNS:localhost'));
    const [, old] = await fingerprints();
    await ensure();
    const [same, renewed] = await fingerprints();
    expect(same).toBe(authority);
    expect(renewed).not.toBe(old);
    expect(Date.parse((await certificate('server.crt')).validTo)).toBeGreaterThan(
      Date.now() + 80 * 86_400_000,
    );
  });

  it.each([
    ['near its end', () => sign('ca', 10, ['-subj', '/CN=old'])],
    ['another one', () => sign('ca', 900, ['-subj', '/CN=other'])],
    ['cut short', () => writeFile(pathOf('ca.crt'), '-----BEGIN CERTIFICATE-----\nMII')],
    ['without its key', () => rm(pathOf('ca.key'))],
  ])('%s: what it has signed is replaced too', async (_, spoil) => {
    await ensure();
    const [, before] = await fingerprints();
    await spoil();
    await ensure();
    const [authority, server] = [await certificate('ca.crt'), await certificate('server.crt')];
    expect(server.fingerprint256).not.toBe(before);
    expect(server.verify(authority.publicKey)).toBe(true);
    expect(Date.parse(authority.validTo)).toBeGreaterThan(Date.now() + 100 * 86_400_000);
  });

  it('can vouch for no other site, whoever has its key', async () => {
    await ensure();
    const verify = (name: string) => run('openssl', ['verify', '-CAfile', pathOf('ca.crt'), pathOf(name)]);
    await verify('server.crt');
    for (const name of ['DNS:example.com', 'DNS:example.localhost.com', 'IP:192.0.2.1']) {
      await sign('evil', 90, byAuthority('/CN=x', name));
      await expect(verify('evil.crt')).rejects.toMatchObject({
        stderr: expect.stringContaining('permitted subtree violation') as string,
      });
    }
  });
});

describe.skipIf(!HAS_MINIO)('HTTPS to MinIO', () => {
  const own = useOwnStack({ DEFAULT_VOLUME: 's3', S3_DELIVERY: 'accel-s3' }, { tls: true, s3: true });
  /** On the same data, with another idea of whom to trust. */
  let without: Stack;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tls-'));
    without = await startStack({
      dataDir: join(folder, 'data'),
      parts: ['app'],
      databaseUrl: own.stack.databaseUrl,
      redisUrl: own.stack.redisUrl,
      admin: ADMIN,
      env: { ...own.stack.env, PUBLIC_URL: undefined, S3_CA_FILE: undefined },
    });
  });
  afterAll(async () => {
    await without.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('with S3_CA_FILE uploads and downloads work, by nginx and by the application', async () => {
    expect(own.stack.env).toMatchObject({
      S3_ENDPOINT: expect.stringMatching(/^https:\/\/localhost:\d+$/) as string,
      S3_CA_FILE: own.stack.caFile,
    });
    const bytes = randomBytes(6_000_000);
    const file = await own.admin.upload(bytes);
    const range = { Range: 'bytes=5000000-5000009' };
    expect((await own.admin.download(file.id)).body.equals(bytes)).toBe(true);
    expect((await own.admin.download(file.id, range)).body.equals(bytes.subarray(5_000_000, 5_000_010))).toBe(
      true,
    );
    const several = await own.admin.download(file.id, { Range: 'bytes=0-9,20-29' });
    expect(several.status).toBe(206);
    expect(several.body.includes(bytes.subarray(20, 30))).toBe(true);
  });

  it('without it an upload is 503, and the log says that it is the certificate', async () => {
    const admin = new Api(without.appUrl, own.admin.token);
    const answer = await admin.sendForm([{ name: 'file', value: randomBytes(1_000), filename: 'a.bin' }]);
    expectProblem(answer, 503, 'dependency-unavailable');
    expect(answer.text).not.toMatch(/certificate/);
    // The line is written after the answer.
    await expect
      .poll(async () => {
        const log = await readFile(join(without.dataDir, 'log/app.log'), 'utf8');
        return log.split('\n').find((line) => line.includes(String(answer.headers['x-request-id'])));
      })
      .toMatch(/unable to verify the first certificate/);
  });
});
