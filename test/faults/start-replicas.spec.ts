import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { signalGroup, signalProcess } from '../harness/processes.js';
import { READY, StartLab } from '../harness/start-lab.js';

describe('npm start -- --replicas', () => {
  const lab = StartLab.use();

  /** Processes of the application, as the data folder has them. */
  const applications = async () => {
    const { children } = JSON.parse(await readFile(join(lab.dataDir, 'stack.json'), 'utf8')) as {
      children: { name: string; pid: number }[];
    };
    return children.filter(({ name }) => name.startsWith('application'));
  };

  it('two of them: one that is killed is started again, and Ctrl-C ends all', async () => {
    const started = lab.start({}, ['npm', 'start', '--', '--replicas', '2']);
    await started.until(READY);
    expect(started.output).toContain('app-2.log');
    const before = await applications();
    expect(before.map(({ name }) => name).sort()).toEqual(['application 1', 'application 2']);
    const second = before.find(({ name }) => name === 'application 2');

    signalProcess(second?.pid, 'SIGKILL');
    await started.until('application 2 was ended by SIGKILL');
    expect((await lab.api().send('/health/ready')).status).toBe(200);
    await started.until('application 2 runs again');
    const after = await applications();
    expect(after).toHaveLength(2);
    expect(after).not.toContainEqual(second);

    signalGroup(started.child.pid, 'SIGINT');
    await started.exit();
    await started.untilNothingIsLeft();
  });

  it('one is started again too, and kill -9 of the starter takes the new process with it', async () => {
    const started = lab.start();
    await started.until(READY);
    const [only] = await applications();
    signalProcess(only?.pid, 'SIGKILL');
    await started.until('application runs again');
    expect((await lab.api().send('/health/ready')).status).toBe(200);
    started.child.kill('SIGKILL');
    await started.exit();
    await started.untilNothingIsLeft();
  });

  const wrong: string[][] = [
    ['--replicas', '0'],
    ['--replicas', '-1'],
    ['--replicas', '1.5'],
    ['--replicas', 'abc'],
    ['--replicas', '33'],
    ['--replicas', '1000'],
    ['--replicas', ''],
    ['--replicas'],
    ['--replicas='],
    ['--replicas', '2', '--replicas', '3'],
    ['--replica', '2'],
    ['--tls', '--tls'],
    ['--tls=yes'],
    ['--s3', '--s3'],
    ['--help'],
  ];
  it.each(wrong.map((args) => [args.join(' '), args] as const))(
    '%s is an error that says what there is, before anything starts',
    async (_, args) => {
      const started = lab.start({}, ['node', 'scripts/start.mjs', ...args]);
      expect((await started.exit()).code).toBe(1);
      expect(started.output).toMatch(/--replicas .*1 to 32/);
      await expect(stat(join(lab.dataDir, 'log'))).rejects.toThrow('ENOENT');
    },
  );

  it.each([
    ['--replicas=2', '--replicas'],
    ['--tls', '--tls'],
    ['--s3', '--s3'],
  ])('without -- npm keeps %s to itself: an error, not a stack without it', async (option, said) => {
    const started = lab.start({}, ['npm', 'start', option]);
    expect((await started.exit()).code).toBe(1);
    expect(started.output).toContain(`npm start -- ${said}`);
    await expect(stat(join(lab.dataDir, 'log'))).rejects.toThrow('ENOENT');
  });
});
