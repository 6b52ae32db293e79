import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { createKey } from '../../harness/accounts.js';
import { type Api, expectProblem, type Part } from '../../harness/api.js';
import type { Answer } from '../../harness/http.js';
import { HAS_MINIO } from '../../harness/stores.js';
import { useWorld } from '../../harness/world.js';

describe('POST /api/v1/files: volume', () => {
  const world = useWorld();
  /** Any volume that is not the default one, as far as this machine has one. */
  const chosen = HAS_MINIO ? 's3' : 'local';
  let adminKey: Api;
  let ownerKey: Api;

  beforeAll(async () => {
    adminKey = world.anonymous.withKey((await createKey(world.admin, ['upload', 'download'])).key);
    ownerKey = world.anonymous.withKey((await createKey(world.owner, ['upload'])).key);
  });

  const volume = (value: string | Buffer): Part => ({ name: 'volume', value });
  const file = (value: string | Buffer = randomBytes(1_000)): Part => ({
    name: 'file',
    value,
    filename: 'x',
  });
  const volumeOf = async (answer: Answer) => {
    const [row] = await world.seed.query<{ volume: string }>(
      'SELECT b.volume FROM files f JOIN blobs b ON b.id = f.blob_id WHERE f.id = $1',
      [(answer.json as { id: string }).id],
    );
    return row?.volume;
  };
  const wrong = (answer: Answer) => (answer.json as { errors?: unknown }).errors;

  it.each(['admin', 'operator', 'key of an admin'])('201: %s names one', async (who) => {
    const callers = { admin: world.admin, operator: world.operator, 'key of an admin': adminKey };
    const caller = callers[who as keyof typeof callers];
    const bytes = randomBytes(6_000_000);
    const answer = await caller.sendForm([volume(chosen), file(bytes)]);
    expect(answer.status, answer.text).toBe(201);
    expect(await volumeOf(answer)).toBe(chosen);
    // Which volumes there are is not told.
    expect(answer.text).not.toContain('volume');
    const { id } = answer.json as { id: string };
    const streamed = await caller.via(world.stack.streamUrl).download(id);
    expect(streamed.body.equals(bytes)).toBe(true);
  });

  it('201: without it the default one, also where the input of a form was left empty', async () => {
    for (const caller of [world.admin, world.owner])
      expect(await volumeOf(await caller.sendForm([volume(''), file()]))).toBe('local');
    expect(await volumeOf(await world.admin.sendForm([file()]))).toBe('local');
  });

  it('201: beside visibility, in either order', async () => {
    const visibility = { name: 'visibility', value: 'tenant' };
    for (const fields of [
      [visibility, volume(chosen)],
      [volume(chosen), visibility],
    ]) {
      const answer = await world.admin.sendForm([...fields, file()]);
      expect(answer.json).toMatchObject({ visibility: 'tenant' });
      expect(await volumeOf(answer)).toBe(chosen);
    }
  });

  it.skipIf(!HAS_MINIO)('201: content that the tenant has already stays where it is', async () => {
    const bytes = randomBytes(1_000);
    expect(await volumeOf(await world.admin.sendForm([file(bytes)]))).toBe('local');
    expect(await volumeOf(await world.admin.sendForm([volume('s3'), file(bytes)]))).toBe('local');
  });

  it.each(['owner', 'member', 'key of a user'])('403: %s, whatever the volume', async (who) => {
    const callers = { owner: world.owner, member: world.member, 'key of a user': ownerKey };
    for (const name of [chosen, 'nowhere', ' ']) {
      const answer = await callers[who as keyof typeof callers].sendForm([volume(name), file()]);
      expectProblem(answer, 403, 'forbidden');
      expect(answer.json).toMatchObject({ detail: 'Only admins choose the volume of an upload.' });
    }
  });

  it.each([
    ['unknown', 'nowhere'],
    ['blank', ' '],
    ['in another case', 'LOCAL'],
    ['with a space', ' local'],
    ['a path', '../local'],
    ['too long', 'local'.repeat(1_000)],
    ['not UTF-8', Buffer.from([0xff, 0xfe])],
    ['with a NUL', 'local\0'],
    ['a member that every object has', 'constructor'],
  ])('400: %s; only operators are told which there are', async (_name, value) => {
    const answer = await world.admin.sendForm([volume(value), file()]);
    expectProblem(answer, 400, 'validation-failed');
    expect(wrong(answer)).toEqual([{ field: 'volume', message: 'must be the name of a volume' }]);
    const told = await world.operator.sendForm([volume(value), file()]);
    expectProblem(told, 400, 'validation-failed');
    const message = HAS_MINIO ? 'must be one of local, s3' : 'must be one of local';
    expect(wrong(told)).toEqual([{ field: 'volume', message }]);
  });

  it.each([
    ['twice', [volume(chosen), volume(chosen), file()], 'must not come twice'],
    ['behind the file', [file(), volume(chosen)], 'must not come after the file'],
    [
      'as a file',
      [{ name: 'volume', value: 'local', filename: 'x' }, file()],
      'is not a part of this form: send "file"',
    ],
  ])('400: %s', async (_name, parts, message) => {
    const answer = await world.admin.sendForm(parts);
    expectProblem(answer, 400, 'validation-failed');
    expect(wrong(answer)).toEqual([{ field: 'volume', message }]);
  });

  it('400: as JSON that is not a text', async () => {
    const answer = await world.admin.sendForm([
      { name: 'volume', value: '{"a":1}', type: 'application/json' },
      file(),
    ]);
    expectProblem(answer, 400, 'validation-failed');
  });
});
