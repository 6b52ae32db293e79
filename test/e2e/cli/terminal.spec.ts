import { randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findProgram } from '../../../scripts/bootstrap/programs.mjs';
import { type CliRun, useCli } from '../../harness/cli.js';
import { signalGroup } from '../../harness/processes.js';
import { TcpProxy } from '../../harness/tcp-proxy.js';
import { useWorld } from '../../harness/world.js';

const MAIN = resolve('dist/src/cli/main.js');
const SCRIPT = findProgram('script');

/** A Node that is not the pinned one, where the machine has one: people run the client on what they have. */
const OTHER_NODE = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .map((folder) => join(folder, 'node'))
  .find((path) => existsSync(path));

describe('the client', () => {
  const world = useWorld();
  const cli = useCli();
  let bytes: Buffer;
  let line: TcpProxy;
  beforeEach(async () => {
    // Content that the service has would not be sent.
    bytes = randomBytes(6_000_000);
    line = await TcpProxy.to(Number(new URL(world.stack.publicUrl).port));
    cli.env = { DOWNLOAD_SERVICE_URL: line.url, DOWNLOAD_SERVICE_TOKEN: world.owner.token ?? '' };
    await writeFile(join(cli.folder, 'a.bin'), bytes);
  });
  afterEach(() => line.refuse());

  /** At a terminal of its own, on which everything is one stream. */
  const atTerminal = (...args: string[]): CliRun => {
    const command = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ');
    return cli.start(['-qfec', `stty cols 90; exec ${command}`, '/dev/null'], [SCRIPT ?? '']);
  };

  describe.skipIf(SCRIPT === undefined)('at a terminal', () => {
    it('draws one line again and again, never longer than the window', async () => {
      line.set({ bandwidth: 4_000_000 });
      const run = atTerminal('upload', 'a.bin', '--chunk-size', '2M', '--parallel', '1');
      expect(await run.ended, run.stdout).toBe(0);
      const drawn = run.stdout.split('\r\u001b[K').slice(1);
      expect(drawn.length).toBeGreaterThan(5);
      for (const text of drawn) expect(text.split(/[\r\n]/)[0]?.length).toBeLessThan(90);
      expect(run.stdout).toMatch(/a\.bin +34 % █{8}░{16} 2\.0 MiB of 5\.7 MiB, [\d.]+ \w+\/s, \d+ s left/);
      expect(run.stdout).toMatch(/100 % █{24} 5\.7 MiB of 5\.7 MiB/);
    });

    it('Ctrl-C at it ends with 130', async () => {
      line.set({ bandwidth: 1_000_000 });
      const run = cli.start(
        [
          '-qfec',
          `echo pid $$; exec '${process.execPath}' '${MAIN}' upload a.bin --chunk-size 2M`,
          '/dev/null',
        ],
        [SCRIPT ?? ''],
      );
      for (let round = 0; round < 500 && !run.stdout.includes('0 %'); round += 1)
        await new Promise((wait) => setTimeout(wait, 10));
      // To the whole group of the terminal, as its driver does.
      signalGroup(Number(run.told('pid')), 'SIGINT');
      expect(await run.ended).toBe(130);
      expect(run.stdout).toContain('The same command goes on where it was.');
    });
  });

  it('elsewhere writes plain lines', async () => {
    const run = await cli.run(['upload', 'a.bin', '--chunk-size', '2M']);
    expect(run.stderr).toMatch(/^a\.bin: 100 %, 5\.7 MiB of 5\.7 MiB, [\d.]+ \w+\/s\n$/);
  });

  it('--no-progress: nothing', async () => {
    const run = await cli.run(['upload', 'a.bin', '--no-progress']);
    expect(run.stderr).toBe('');
  });

  it.each([
    [[], 'Say what to do'],
    [['remove', 'x'], 'There is no command "remove".'],
    [['upload'], 'Say what to upload.'],
    [['upload', 'a', 'b'], 'Only one at a time'],
    [['upload', 'a', '--force'], 'upload does not know --force.'],
    [['upload', 'a', '--wrong'], "Unknown option '--wrong'"],
    [['upload', 'a', '--name'], 'argument missing'],
    [['upload', 'a', '--parallel', '0'], '--parallel must be a number from 1 to 16.'],
    [['upload', 'a', '--parallel', '1e9'], '--parallel must be a number from 1 to 16.'],
    [['upload', 'a', '--chunk-size', 'much'], '--chunk-size must be a size'],
    [['link', '1', '--expires-in', '-1'], 'argument'],
    [['link', '1', '--expires-in', 'soon'], '--expires-in must be a time'],
    [['link', '1', '--max-downloads', '0'], '--max-downloads must be a number'],
    [['download', 'x'], 'the id of a file or by the URL'],
    [['download', 'https://example.com/other'], 'not of a download'],
    [['upload', 'a.bin', '--url', 'ftp://example.com'], 'is an origin'],
    [['upload', 'a.bin', '--url', 'https://me:secret@example.com'], 'is an origin'],
    [['upload', 'a.bin', '--url', 'https://example.com/api'], 'is an origin'],
    [['upload', 'a.bin', '--api-key', 'two words'], '--api-key holds no credential'],
  ])('%j is wrong usage: 2', async (args, message) => {
    const run = await cli.run(args, 2);
    expect(run.stderr).toContain(message);
    expect(run.stderr).toContain('--help says more');
    expect(run.stderr).not.toMatch(/secret|two words/);
  });

  it('no service is said: 2', async () => {
    cli.env = {};
    expect((await cli.run(['upload', 'a.bin'], 2)).stderr).toContain('DOWNLOAD_SERVICE_URL');
  });

  it('--help and --version', async () => {
    expect((await cli.run(['--help'])).stdout).toContain('Usage:');
    expect((await cli.run(['upload', '-h'])).stdout).toContain('--chunk-size');
    expect((await cli.run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('as it is packed, and on the Node that the machine has', async () => {
    execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', cli.folder]);
    const [packed = ''] = readdirSync(cli.folder).filter((name) => name.endsWith('.tgz'));
    execFileSync('tar', ['-xf', packed], { cwd: cli.folder });
    const program = [OTHER_NODE ?? process.execPath, join(cli.folder, 'package/dist/src/cli/main.js')];
    const up = cli.start(['upload', 'a.bin', '--chunk-size', '2M'], program);
    expect(await up.ended, up.stderr).toBe(0);
    const down = cli.start(['download', up.told('id'), '-o', 'b.bin', '--parallel', '2'], program);
    expect(await down.ended, down.stderr).toBe(0);
    expect(down.told('sha256')).toBe(up.told('sha256'));
  });
});
