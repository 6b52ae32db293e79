import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RefusalsLab } from '../harness/refusals-lab.js';

describe('refusals while PostgreSQL is away', () => {
  const lab = new RefusalsLab();
  const { own } = lab;
  const ask = lab.ask.bind(lab);

  it('PostgreSQL away at the minute’s end: nothing is lost', { timeout: 120_000 }, async () => {
    const before = await lab.lastId();
    for (let round = 0; round < 10; round += 1) await ask('192.0.2.1', '/api/v1/auth/me');
    await own.stack.postgres?.stop();
    const log = join(own.stack.dataDir, 'log/app.log');
    const waits = async () => (await readFile(log, 'utf8')).includes('rows of refusals wait for PostgreSQL');
    for (let round = 0; round < 140 && !(await waits()); round += 1) await sleep(500);
    expect(await waits()).toBe(true);
    await ask('192.0.2.1', '/api/v1/auth/me');
    await own.stack.postgres?.start();
    await lab.end();
    expect((await lab.rowsAfter(before, 'refusal')).map(({ ip, count }) => [ip, count])).toEqual([
      ['192.0.2.1', 11],
    ]);
    await own.stack.app?.start();
  });

  it.each(['stopped', 'frozen'] as const)(
    'PostgreSQL %s at SIGTERM: the process ends, and says what is lost',
    async (how) => {
      await ask('192.0.2.1', '/api/v1/auth/me');
      if (how === 'stopped') await own.stack.postgres?.stop();
      else own.stack.postgres?.kill('SIGSTOP');
      try {
        expect(await lab.end()).toBeLessThan(9_000);
      } finally {
        if (how === 'stopped') await own.stack.postgres?.start();
        else own.stack.postgres?.kill('SIGCONT');
      }
      const log = await readFile(join(own.stack.dataDir, 'log/app.log'), 'utf8');
      expect(log.split('the last refusals are not in the audit')).toHaveLength(how === 'stopped' ? 2 : 3);
      await own.stack.app?.start();
    },
  );
});
