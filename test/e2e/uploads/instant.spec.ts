import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Api, expectProblem, type FileJson } from '../../harness/api.js';
import {
  beginUpload,
  completed,
  fileOf,
  getUpload,
  MEBIBYTE,
  putChunks,
  sha256Of,
  type UploadJson,
} from '../../harness/uploads.js';
import { useWorld } from '../../harness/world.js';

interface Challenge {
  readonly nonce: string;
  readonly ranges: readonly [number, number][];
  readonly expiresAt: string;
}
type Begun = UploadJson & { readonly challenge?: Challenge };

/** What somebody answers who has these bytes. */
function proofOf(bytes: Buffer, { nonce, ranges }: Challenge): string {
  const hash = createHash('sha256').update(Buffer.from(nonce, 'hex'));
  for (const [from, to] of ranges) hash.update(bytes.subarray(from, to + 1));
  return hash.digest('hex');
}

describe('instant upload', () => {
  const world = useWorld();

  const begin = (api: Api, bytes: Buffer, more: Record<string, unknown> = {}): Promise<Begun> =>
    beginUpload(api, { size: bytes.length, sha256: sha256Of(bytes), chunkSize: 2 * MEBIBYTE, ...more });
  const prove = (api: Api, { uploadId }: UploadJson, digest: string) =>
    api.post(`/api/v1/uploads/${uploadId}/proof`, { digest });
  const challengeOf = (upload: Begun): Challenge => {
    const { challenge } = upload;
    if (challenge === undefined) throw new Error(`no challenge for ${upload.uploadId}`);
    return challenge;
  };
  const blobsOf = async (...files: FileJson[]) => {
    const ids = files.map(({ id }) => id);
    const rows = await world.seed.query<{ blob_id: string }>(
      'SELECT blob_id FROM files WHERE id = ANY ($1)',
      [ids],
    );
    return new Set(rows.map(({ blob_id: blob }) => blob)).size;
  };

  it('what one may download is there at once, as a file of its own', async () => {
    const bytes = randomBytes(MEBIBYTE);
    const theirs = await world.member.upload(bytes, { visibility: 'tenant', filename: 'theirs.bin' });
    const upload = await begin(world.owner, bytes, { filename: 'mine.bin', visibility: 'private' });
    expect(upload).toMatchObject({ status: 'completed', received: [] });
    expect(upload.challenge).toBeUndefined();
    const file = fileOf(upload);
    expect(file).toMatchObject({
      filename: 'mine.bin',
      visibility: 'private',
      ownerId: world.ownerAccount.id,
      sha256: theirs.sha256,
    });
    expect(file.id).not.toBe(theirs.id);
    expect(await blobsOf(file, theirs)).toBe(1);
    const again = await world.owner.send(`/api/v1/uploads/${upload.uploadId}/complete`, { method: 'POST' });
    expect({ status: again.status, json: again.json }).toEqual({ status: 200, json: file });
    expect((await world.owner.download(file.id)).body.equals(bytes)).toBe(true);
  });

  it.each([
    ['every byte of a small content', 3 * MEBIBYTE],
    ['64 ranges of a large one', 9 * MEBIBYTE],
  ])('what another has privately is to be proven: %s', async (_, size) => {
    const bytes = randomBytes(size);
    const theirs = await world.member.upload(bytes);
    const upload = await begin(world.owner, bytes);
    expect(upload.file).toBeUndefined();
    const challenge = challengeOf(upload);
    expect(challenge.nonce).toMatch(/^[0-9a-f]{64}$/);
    if (size < 4 * MEBIBYTE) expect(challenge.ranges).toEqual([[0, size - 1]]);
    else {
      expect(challenge.ranges).toHaveLength(64);
      for (const [from, to] of challenge.ranges) {
        expect(to - from).toBe(65_535);
        expect(from).toBeGreaterThanOrEqual(0);
        expect(to).toBeLessThan(size);
      }
    }
    const answer = await prove(world.owner, upload, proofOf(bytes, challenge));
    expect(answer.status, answer.text).toBe(201);
    const file = answer.json as FileJson;
    expect(answer.headers.location).toBe(`/api/v1/files/${file.id}`);
    expect(await blobsOf(file, theirs)).toBe(1);
    expect(await getUpload(world.owner, upload)).toMatchObject({ status: 'completed', file });
    expect((await world.owner.download(file.id)).body.equals(bytes)).toBe(true);
  });

  it('who has the hash only gets nothing, has one attempt, and may send the bytes', async () => {
    const bytes = randomBytes(5 * MEBIBYTE);
    await world.member.upload(bytes);
    const upload = await begin(world.owner, bytes);
    const guess = proofOf(Buffer.alloc(bytes.length), challengeOf(upload));
    expectProblem(await prove(world.owner, upload, guess), 422, 'proof-refused');
    const right = proofOf(bytes, challengeOf(upload));
    expectProblem(await prove(world.owner, upload, right), 422, 'proof-refused');
    const now = (await getUpload(world.owner, upload)) as Begun;
    expect(now.status).toBe('uploading');
    expect(now.challenge).toBeUndefined();
    await putChunks(world.owner, upload, bytes);
    expect((await completed(world.owner, upload)).sha256).toBe(sha256Of(bytes));
  });

  it('a file half zeros resists who lacks the other half', async () => {
    const secret = randomBytes(8 * MEBIBYTE);
    const bytes = Buffer.concat([Buffer.alloc(8 * MEBIBYTE), secret]);
    await world.member.upload(bytes);
    const upload = await begin(world.owner, bytes);
    const challenge = challengeOf(upload);
    expect(challenge.ranges.some(([, to]) => to >= 8 * MEBIBYTE)).toBe(true);
    const without = Buffer.concat([Buffer.alloc(8 * MEBIBYTE), randomBytes(8 * MEBIBYTE)]);
    expectProblem(await prove(world.owner, upload, proofOf(without, challenge)), 422, 'proof-refused');
  });

  it('a proof that comes too late', async () => {
    const bytes = randomBytes(MEBIBYTE);
    await world.member.upload(bytes);
    const upload = await begin(world.owner, bytes);
    await world.seed.query(
      `UPDATE upload_sessions SET challenge = jsonb_set(challenge, '{expiresAt}', '"2020-01-01T00:00:00Z"') WHERE uid = $1`,
      [upload.uploadId],
    );
    const answer = await prove(world.owner, upload, proofOf(bytes, challengeOf(upload)));
    expectProblem(answer, 422, 'proof-refused');
  });

  it('an answer to one challenge is none to another', async () => {
    const bytes = randomBytes(MEBIBYTE);
    await world.member.upload(bytes);
    const first = await begin(world.owner, bytes);
    const second = await begin(world.owner, bytes);
    const proof = proofOf(bytes, challengeOf(first));
    expectProblem(await prove(world.owner, second, proof), 422, 'proof-refused');
    expect((await prove(world.owner, first, proof)).status).toBe(201);
  });

  it('at most three challenges a day for one content, also side by side', async () => {
    const bytes = randomBytes(MEBIBYTE);
    await world.member.upload(bytes);
    const uploads = await Promise.all(Array.from({ length: 8 }, () => begin(world.owner, bytes)));
    expect(uploads.filter(({ challenge }) => challenge !== undefined)).toHaveLength(3);
    await world.seed.query(
      `UPDATE possession_challenges SET issued_at = issued_at - interval '25 hours' WHERE user_id = $1 AND sha256 = $2`,
      [world.ownerAccount.id, sha256Of(bytes)],
    );
    expect((await begin(world.owner, bytes)).challenge).toBeDefined();
  });

  it('at most a thousand a day of one user', async () => {
    const bytes = randomBytes(MEBIBYTE);
    await world.owner.upload(bytes);
    const { id } = world.memberAccount;
    await world.seed.query(
      `INSERT INTO possession_challenges (tenant_id, user_id, sha256)
       SELECT $1, $2, lpad(n::text, 64, '0') FROM generate_series(1, 1000) n`,
      [world.tenantId, id],
    );
    expect((await begin(world.member, bytes)).challenge).toBeUndefined();
    await world.seed.query('DELETE FROM possession_challenges WHERE user_id = $1', [id]);
  });

  it('says nothing of what another tenant has', async () => {
    const bytes = randomBytes(MEBIBYTE);
    await world.foreign.upload(bytes, { visibility: 'public' });
    const upload = await begin(world.owner, bytes);
    expect(upload).toMatchObject({ status: 'uploading' });
    expect(upload.challenge).toBeUndefined();
  });

  it.each<[string, (bytes: Buffer) => Record<string, unknown>]>([
    ['without a hash', () => ({ sha256: undefined })],
    ['with another size', (bytes) => ({ size: bytes.length + 1 })],
  ])('is not offered %s', async (_, more) => {
    const bytes = randomBytes(MEBIBYTE);
    await world.owner.upload(bytes);
    const upload = await begin(world.owner, bytes, more(bytes));
    expect(upload).toMatchObject({ status: 'uploading' });
    expect(upload.challenge).toBeUndefined();
  });

  it('is not offered below 1 MiB', async () => {
    const bytes = randomBytes(MEBIBYTE - 1);
    await world.owner.upload(bytes);
    expect((await begin(world.owner, bytes)).status).toBe('uploading');
  });

  it('a file that one may no longer download is to be proven', async () => {
    const bytes = randomBytes(MEBIBYTE);
    const file = await world.owner.upload(bytes);
    const past = new Date(Date.now() - 1_000).toISOString();
    await world.seed.query('UPDATE files SET expires_at = $2 WHERE id = $1', [file.id, past]);
    const upload = await begin(world.owner, bytes);
    expect(upload.status).toBe('uploading');
    expect(upload.challenge).toBeDefined();
  });

  it.each([{}, { digest: 'x' }, { digest: 'ab'.repeat(31) }, { digest: 1 }, []])('400: %j', async (body) => {
    const upload = await begin(world.owner, randomBytes(10));
    const answer = await world.owner.post(`/api/v1/uploads/${upload.uploadId}/proof`, body);
    expectProblem(answer, 400, 'validation-failed');
  });

  it('422: nothing is to be proven', async () => {
    const upload = await begin(world.owner, randomBytes(10));
    expectProblem(await prove(world.owner, upload, 'ab'.repeat(32)), 422, 'proof-refused');
  });
});
