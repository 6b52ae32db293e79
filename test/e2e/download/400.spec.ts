import { describe, it } from 'vitest';
import { expectProblem } from '../../harness/api.js';
import { MODES, useWorld } from '../../harness/world.js';

describe.each(MODES)('GET /download/:fileId → 400 (%s)', (mode) => {
  const world = useWorld(mode);

  it.each([
    'abc',
    '0',
    '-1',
    '01',
    '1.0',
    '1e3',
    '9223372036854775808',
    '1%00',
    '%27',
    '1%20',
    '99999999999999999999',
    '1'.repeat(101),
    '1'.repeat(3_000),
  ])('the malformed id %s', async (id) => {
    expectProblem(await world.owner.download(id), 400, 'validation-failed');
    expectProblem(await world.anonymous.download(id), 400, 'validation-failed');
  });

  it('a path that cannot be decoded', async () => {
    expectProblem(await world.owner.download('%zz'), 400, 'validation-failed');
  });
});
