import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { expectProblem } from '../../harness/api.js';
import { MODES, useWorld } from '../../harness/world.js';

describe.each(MODES)('GET /download/:fileId → 416 (%s)', (mode) => {
  const world = useWorld(mode);

  it.each(['bytes=100-', 'bytes=100-200,300-', 'bytes=-0', 'bytes=9223372036854775808-'])(
    '%s of 100 bytes',
    async (range) => {
      const file = await world.owner.upload(randomBytes(100));
      const answer = await world.owner.download(file.id, { Range: range });
      expectProblem(answer, 416, 'range-not-satisfiable');
      expect(answer.headers['content-range']).toBe('bytes */100');
      expect(answer.headers['cache-control']).toBe('no-store');
      expect(answer.headers['content-disposition']).toBeUndefined();
    },
  );
});
