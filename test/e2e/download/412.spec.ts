import { randomBytes } from 'node:crypto';
import { describe, it } from 'vitest';
import { expectProblem } from '../../harness/api.js';
import { MODES, useWorld } from '../../harness/world.js';

describe.each(MODES)('GET /download/:fileId → 412 (%s)', (mode) => {
  const world = useWorld(mode);

  it.each([
    { 'If-Match': '"x"' },
    { 'If-Match': 'W/"x"' },
    { 'If-Unmodified-Since': 'Sat, 21 Nov 2020 10:00:00 GMT' },
    { 'If-Match': '"x"', Range: 'bytes=0-1' },
  ])('%j', async (headers) => {
    const file = await world.owner.upload(randomBytes(100));
    expectProblem(await world.owner.download(file.id, headers), 412, 'precondition-failed');
  });
});
