import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { expectProblem } from '../../harness/api.js';
import { MODES, useWorld } from '../../harness/world.js';

describe.each(MODES)('GET /download/:fileId → 410 (%s)', (mode) => {
  const world = useWorld(mode);

  it('a deleted file, for those who could see it', async () => {
    const file = await world.owner.upload(randomBytes(10), { visibility: 'tenant' });
    expect((await world.owner.send(`/api/v1/files/${file.id}`, { method: 'DELETE' })).status).toBe(204);
    expectProblem(await world.owner.download(file.id), 410, 'file-gone');
    expectProblem(await world.member.download(file.id), 410, 'file-gone');
  });

  it('an expired file, for those who could see it', async () => {
    const file = await world.owner.upload(randomBytes(10), { visibility: 'tenant' });
    await world.seed.expireFile(file.id);
    expectProblem(await world.owner.download(file.id), 410, 'file-gone');
    expectProblem(await world.member.download(file.id), 410, 'file-gone');
  });
});
