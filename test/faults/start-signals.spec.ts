import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { signalGroup } from '../harness/processes.js';
import { READY, StartLab } from '../harness/start-lab.js';

describe('npm start, ended', () => {
  const lab = StartLab.use();

  it('Ctrl-C of a terminal, which reaches npm and all of its group, ends everything in order', async () => {
    const started = lab.start({}, ['npm', 'start']);
    await started.until(READY);
    signalGroup(started.child.pid, 'SIGINT');
    await started.exit();
    await started.untilNothingIsLeft();
    expect(await readFile(join(lab.dataDir, 'log', 'postgres.log'), 'utf8')).toContain(
      'database system is shut down',
    );
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('%s to npm leaves nothing behind', async (signal) => {
    const started = lab.start({}, ['npm', 'start']);
    await started.until(READY);
    started.child.kill(signal);
    await started.exit();
    await started.untilNothingIsLeft();
  });

  it('kill -9 of the starter leaves nothing behind, and the next start works', async () => {
    const started = lab.start();
    await started.until(READY);
    started.child.kill('SIGKILL');
    await started.exit();
    await started.untilNothingIsLeft();
    const next = lab.start();
    await next.until(READY);
    await lab.api().login('admin@example.com', await lab.password());
  });

  it('kill -9 in the middle of a start leaves nothing behind, and the next start works', async () => {
    const started = lab.start();
    await started.until('postgres');
    started.child.kill('SIGKILL');
    await started.exit();
    await started.untilNothingIsLeft();
    await lab.start().until(READY);
  });
});
