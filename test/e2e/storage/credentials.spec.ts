import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createKey, expectInvalid } from '../../harness/accounts.js';
import { type Api, expectProblem, type FileJson } from '../../harness/api.js';
import { type AuditEntry, SELECT_AUDIT } from '../../harness/audit.js';
import { type Boto3Call, callWithBoto3, type CredentialsJson } from '../../harness/boto3.js';
import type { Answer } from '../../harness/http.js';
import { HAS_BOTO3, HAS_MINIO } from '../../harness/stores.js';
import { useWorld } from '../../harness/world.js';

const ROUTE = '/api/v1/storage/credentials';

const ask = (api: Api, fileIds: unknown, ttl?: unknown): Promise<Answer> =>
  api.post(ROUTE, { fileIds, ...(ttl !== undefined && { ttl }) });

async function credentialsOf(api: Api, fileIds: readonly string[], ttl?: number): Promise<CredentialsJson> {
  const answer = await ask(api, fileIds, ttl);
  expect(answer.status, answer.text).toBe(201);
  return answer.json as CredentialsJson;
}

/** What MinIO itself has signed into a session token (a JWT). */
function claimsOf({ sessionToken }: CredentialsJson): { exp: number; sessionPolicy: string } {
  return JSON.parse(Buffer.from(sessionToken.split('.')[1] ?? '', 'base64url').toString()) as {
    exp: number;
    sessionPolicy: string;
  };
}

/** Seconds from now. */
const secondsUntil = (time: string): number => (Date.parse(time) - Date.now()) / 1_000;
const inSeconds = (seconds: number): Date => new Date(Date.now() + seconds * 1_000);

describe.skipIf(!HAS_MINIO)('POST /api/v1/storage/credentials', () => {
  const world = useWorld('accel-s3');
  const upload = (visibility = 'private'): Promise<FileJson> =>
    world.owner.upload(randomBytes(10_000), { visibility });
  const endRight = async (file: FileJson, end: Date): Promise<void> => {
    await world.seed.query('UPDATE files SET expires_at = $2 WHERE id = $1', [file.id, end]);
    await world.seed.changed(`file:${file.id}`);
  };

  describe('201', () => {
    it('credentials for exactly these objects, 15 minutes unless more is asked for, not to be cached', async () => {
      const files = [await upload(), await upload()];
      const answer = await ask(
        world.owner,
        files.map(({ id }) => id),
      );
      expect(answer.status, answer.text).toBe(201);
      expect(answer.headers['cache-control']).toBe('no-store');
      const credentials = answer.json as CredentialsJson;
      expect(Object.keys(credentials).toSorted()).toEqual([
        'accessKeyId',
        'endpoint',
        'expiresAt',
        'objects',
        'region',
        'secretAccessKey',
        'sessionToken',
      ]);
      expect(credentials.objects.map(({ fileId }) => fileId)).toEqual(files.map(({ id }) => id));
      expect(secondsUntil(credentials.expiresAt)).toBeGreaterThan(890);
      expect(secondsUntil(credentials.expiresAt)).toBeLessThanOrEqual(900);
      const { exp, sessionPolicy } = claimsOf(credentials);
      expect(exp * 1_000).toBe(Date.parse(credentials.expiresAt));
      const policy = JSON.parse(Buffer.from(sessionPolicy, 'base64').toString()) as {
        Statement: { Resource: string[] }[];
      };
      policy.Statement[0]?.Resource.sort();
      expect(policy).toEqual({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Action: ['s3:GetObject'],
            Resource: credentials.objects
              .map(({ bucket, key }) => `arn:aws:s3:::${bucket}/${key}`)
              .toSorted(),
          },
        ],
      });
    });

    it.each([900, 901, 3_600])('as long as is asked for: %i s', async (ttl) => {
      const { expiresAt } = await credentialsOf(world.owner, [(await upload()).id], ttl);
      expect(secondsUntil(expiresAt)).toBeGreaterThan(ttl - 10);
      expect(secondsUntil(expiresAt)).toBeLessThanOrEqual(ttl);
    });

    it('as many files as one may ask for', async () => {
      const ids = await Promise.all(Array.from({ length: 20 }, async () => (await upload()).id));
      expect((await credentialsOf(world.owner, ids)).objects).toHaveLength(20);
    });

    it('for those who may download: by visibility, grant, role, as an admin, with a key of that scope', async () => {
      const shared = await upload('tenant');
      await credentialsOf(world.member, [shared.id]);
      const granted = await upload();
      await world.seed.grant(granted.id, { userId: world.memberAccount.id }, 'download');
      await credentialsOf(world.member, [granted.id]);
      await credentialsOf(world.admin, [granted.id]);
      const { key } = await createKey(world.owner, ['storage:credentials']);
      await credentialsOf(world.anonymous.withKey(key), [granted.id]);
    });

    it('never beyond the end of the file, of the grant or of the key', async () => {
      const ending = await upload();
      await endRight(ending, inSeconds(1_000));
      const beside = await upload();
      for (const ids of [[ending.id], [beside.id, ending.id]]) {
        const { expiresAt } = await credentialsOf(world.owner, ids, 3_600);
        expect(secondsUntil(expiresAt)).toBeGreaterThan(980);
        expect(secondsUntil(expiresAt)).toBeLessThan(1_000);
      }
      const granted = await upload();
      const member = { userId: world.memberAccount.id };
      await world.seed.grant(granted.id, member, 'download', inSeconds(950));
      await world.seed.grant(granted.id, { role: 'user' }, 'download', inSeconds(1_200));
      const byGrant = await credentialsOf(world.member, [granted.id], 3_600);
      expect(secondsUntil(byGrant.expiresAt)).toBeGreaterThan(1_180);
      expect(secondsUntil(byGrant.expiresAt)).toBeLessThan(1_200);
      const created = await world.owner.post('/api/v1/auth/api-keys', {
        name: 'a program',
        scopes: ['storage:credentials'],
        expiresAt: inSeconds(1_100).toISOString(),
      });
      const { key } = created.json as { key: string };
      const byKey = await credentialsOf(world.anonymous.withKey(key), [beside.id], 3_600);
      expect(secondsUntil(byKey.expiresAt)).toBeGreaterThan(1_080);
      expect(secondsUntil(byKey.expiresAt)).toBeLessThan(1_100);
    });

    it('is in the audit, a row for each file, without anything that opens', async () => {
      const files = [await upload(), await upload()];
      const ids = files.map(({ id }) => id);
      const answer = await ask(world.owner, ids);
      const credentials = answer.json as CredentialsJson;
      const rows = await world.seed.query<AuditEntry & Record<string, unknown>>(
        `${SELECT_AUDIT} WHERE action = 'storage.credentials' AND request_id = $1 ORDER BY id`,
        [answer.headers['x-request-id']],
      );
      expect(rows).toMatchObject(
        ids.map((objectId) => ({
          outcome: 'ok',
          actorId: world.ownerAccount.id,
          objectKind: 'file',
          objectId,
          detail: { accessKeyId: credentials.accessKeyId, expiresAt: credentials.expiresAt },
        })),
      );
      for (const secret of [credentials.secretAccessKey, credentials.sessionToken])
        expect(JSON.stringify(rows)).not.toContain(secret);
      const found = await world.admin.send(
        `/api/v1/audit?action=storage.credentials&objectKind=file&objectId=${ids[0] ?? ''}`,
      );
      expect((found.json as { items: AuditEntry[] }).items).toHaveLength(1);
    });
  });

  it('no log holds what opens the store', async () => {
    const credentials = await credentialsOf(world.owner, [(await upload()).id]);
    const folder = join(world.stack.dataDir, 's3/log');
    const logs = await Promise.all(
      (await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')),
    );
    const text = logs.join('\n');
    expect(text).toContain(credentials.accessKeyId);
    for (const secret of [credentials.secretAccessKey, credentials.sessionToken])
      expect(text.includes(secret)).toBe(false);
  });

  describe.skipIf(!HAS_BOTO3)('with boto3', () => {
    it('reads these objects, and does nothing else', async () => {
      const bytes = randomBytes(6 * 2 ** 20);
      const file = await world.owner.upload(bytes);
      const neighbour = await upload();
      const [theirs] = (await credentialsOf(world.owner, [neighbour.id])).objects;
      const credentials = await credentialsOf(world.owner, [file.id]);
      const [mine] = credentials.objects;
      const at = ({ bucket, key }: { bucket: string; key: string } = { bucket: '', key: '' }) => ({
        Bucket: bucket,
        Key: key,
      });
      const { Bucket } = at(mine);
      const allowed: Boto3Call[] = [
        { method: 'get_object', parameters: at(mine) },
        { method: 'get_object', parameters: { ...at(mine), Range: 'bytes=100-199' } },
        { method: 'head_object', parameters: at(mine) },
      ];
      const refused: Boto3Call[] = [
        { method: 'get_object', parameters: at(theirs) },
        { method: 'get_object', parameters: { Bucket, Key: `${at(mine).Key}x` } },
        { method: 'get_object', parameters: { Bucket, Key: '.write-probe' } },
        { method: 'list_objects_v2', parameters: { Bucket } },
        { method: 'list_objects_v2', parameters: { Bucket, Prefix: at(mine).Key } },
        { method: 'list_multipart_uploads', parameters: { Bucket } },
        { method: 'put_object', parameters: { ...at(mine), Body: 'other bytes' } },
        { method: 'put_object', parameters: { Bucket, Key: 'new', Body: 'bytes' } },
        { method: 'create_multipart_upload', parameters: { Bucket, Key: 'new' } },
        { method: 'delete_object', parameters: at(mine) },
        { method: 'get_bucket_policy', parameters: { Bucket } },
        { method: 'delete_bucket', parameters: { Bucket } },
        { method: 'create_bucket', parameters: { Bucket: 'another-bucket' } },
      ];
      const outcomes = await callWithBoto3(credentials, [...allowed, ...refused]);
      expect(outcomes.map(({ code }, index) => [[...allowed, ...refused][index]?.method, code])).toEqual([
        ...allowed.map(({ method }) => [method, 'ok']),
        ...refused.map(({ method }) => [method, 'AccessDenied']),
      ]);
      expect(outcomes[0]?.body.equals(bytes)).toBe(true);
      expect(outcomes[1]?.body.equals(bytes.subarray(100, 200))).toBe(true);
    });

    it('only all three of them together open anything', async () => {
      const credentials = await credentialsOf(world.owner, [(await upload()).id]);
      const [object] = credentials.objects;
      const call = [{ method: 'get_object', parameters: { Bucket: object?.bucket, Key: object?.key } }];
      const other = await credentialsOf(world.owner, [(await upload()).id]);
      for (const wrong of [
        { ...credentials, sessionToken: other.sessionToken },
        { ...credentials, secretAccessKey: other.secretAccessKey },
        { ...credentials, sessionToken: `${credentials.sessionToken.slice(0, -4)}AAAA` },
      ]) {
        const [outcome] = await callWithBoto3(wrong, call);
        expect(outcome?.code).toMatch(/InvalidTokenId|SignatureDoesNotMatch|AccessDenied/);
      }
    });
  });

  describe('400', () => {
    it.each<[string, unknown, string[]]>([
      ['no fileIds', {}, ['fileIds']],
      ['none in the list', { fileIds: [] }, ['fileIds']],
      ['not a list', { fileIds: '42' }, ['fileIds']],
      ['a list with a number', { fileIds: [42] }, ['fileIds']],
      ['not ids', { fileIds: ['42', 'x'] }, ['fileIds']],
      ['an id with a sign', { fileIds: ['-1'] }, ['fileIds']],
      ['an id beyond the largest', { fileIds: ['9223372036854775808'] }, ['fileIds']],
      ['an object for an id', { fileIds: [{ id: '42' }] }, ['fileIds']],
      ['the same twice', { fileIds: ['42', '42'] }, ['fileIds']],
      ['too many', { fileIds: Array.from({ length: 21 }, (_, index) => String(index + 1)) }, ['fileIds']],
      ['a ttl below the least', { fileIds: ['42'], ttl: 899 }, ['ttl']],
      ['a ttl above the most', { fileIds: ['42'], ttl: 3_601 }, ['ttl']],
      ['a ttl that is no whole number', { fileIds: ['42'], ttl: 900.5 }, ['ttl']],
      ['a ttl of text', { fileIds: ['42'], ttl: '900' }, ['ttl']],
      ['a negative ttl', { fileIds: ['42'], ttl: -900 }, ['ttl']],
      ['a member that nobody knows', { fileIds: ['42'], policy: '{}' }, ['policy']],
    ])('%s', async (_what, body, fields) => {
      expectInvalid(await world.owner.post(ROUTE, body), fields);
    });

    it('no JSON', async () => {
      const answer = await world.owner.send(ROUTE, {
        method: 'POST',
        body: '{',
        headers: { 'Content-Type': 'application/json' },
      });
      expectProblem(answer, 400, 'validation-failed');
    });
  });

  it('401: without credentials, 403: with a key that lacks the scope', async () => {
    const { id } = await upload('public');
    expectProblem(await ask(world.anonymous, [id]), 401, 'unauthenticated');
    const { key } = await createKey(world.owner, ['download', 'files:read']);
    expectProblem(await ask(world.anonymous.withKey(key), [id]), 403, 'forbidden');
  });

  it('404: one of the files is not there or not to be seen, 410: one is deleted or over', async () => {
    const mine = await upload();
    for (const api of [world.member, world.foreign, world.foreignAdmin])
      expectProblem(await ask(api, [mine.id]), 404, 'file-not-found');
    expectProblem(await ask(world.owner, [mine.id, '9223372036854775807']), 404, 'file-not-found');
    const publicOne = await upload('public');
    expectProblem(await ask(world.foreign, [publicOne.id]), 404, 'file-not-found');
    const deleted = await upload();
    await world.owner.delete(`/api/v1/files/${deleted.id}`);
    expectProblem(await ask(world.owner, [mine.id, deleted.id]), 410, 'file-gone');
    const expired = await upload();
    await world.seed.expireFile(expired.id);
    expectProblem(await ask(world.owner, [expired.id]), 410, 'file-gone');
    const lapsed = await upload();
    await world.seed.grant(lapsed.id, { userId: world.memberAccount.id }, 'download', inSeconds(-1));
    expectProblem(await ask(world.member, [lapsed.id]), 404, 'file-not-found');
  });

  describe('422', () => {
    const expectUnavailable = (answer: Answer, detail: RegExp): void => {
      expectProblem(answer, 422, 'credentials-unavailable');
      expect((answer.json as { detail: string }).detail).toMatch(detail);
    };
    const onDisk = async (): Promise<FileJson> =>
      world.owner.via(world.stack.publicUrl).upload(randomBytes(100));

    it('a file that is not in an object store, or files of different volumes', async () => {
      const local = await onDisk();
      expectUnavailable(await ask(world.owner, [local.id]), /not in an object store/);
      expectUnavailable(await ask(world.owner, [(await upload()).id, local.id]), /different volumes/);
    });

    it.each([1, 600, 899, 903])('a file whose end is in %i s: credentials live longer', async (seconds) => {
      const file = await upload();
      await endRight(file, inSeconds(seconds));
      expectUnavailable(
        await ask(world.owner, [file.id]),
        /ends at .*Z, and credentials live at least 900 s/,
      );
    });

    it('a caller whose downloads are limited, until they are not', async () => {
      const account = await world.seed.user(world.tenantId);
      const caller = await world.anonymous.login(account.email, account.password);
      const { id } = await upload('tenant');
      await credentialsOf(caller, [id]);
      for (const limits of [
        { maxConcurrentDownloads: 3 },
        { transferRate: 100_000 },
        { userRate: 100_000 },
      ]) {
        const limit = await world.admin.patch(`/api/v1/users/${account.id}`, { limits });
        expect(limit.status, limit.text).toBe(200);
        expectUnavailable(await ask(caller, [id]), /limited/);
        const taken = Object.fromEntries(Object.keys(limits).map((name) => [name, null]));
        await world.admin.patch(`/api/v1/users/${account.id}`, { limits: taken });
        await credentialsOf(caller, [id]);
      }
    });
  });
});
