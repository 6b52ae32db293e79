import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { useCli } from '../harness/cli.js';
import { useOwnStack } from '../harness/own-stack.js';
import { TcpProxy } from '../harness/tcp-proxy.js';
import { until } from '../harness/until.js';

const MIB = 2 ** 20;

describe('the command-line client, while the service has troubles', () => {
  const own = useOwnStack({}, { restart: true });
  const cli = useCli();
  let bytes: Buffer;
  let line: TcpProxy;
  beforeEach(async () => {
    // Content that the service has would not be sent.
    bytes = randomBytes(40 * MIB);
    line = await TcpProxy.to(own.stack.publicPort);
    cli.env = { DOWNLOAD_SERVICE_URL: line.url, DOWNLOAD_SERVICE_TOKEN: own.admin.token ?? '' };
    await writeFile(join(cli.folder, 'a.bin'), bytes);
    return () => line.refuse();
  });
  /** As when the machine runs out of memory; it is started again. */
  const killApplication = (): void => {
    process.kill(own.stack.app?.pid ?? 0, 'SIGKILL');
  };

  it('killed twice, it is met again: the upload goes on by itself', async () => {
    line.set({ bandwidth: 3 * MIB });
    const run = cli.start(['upload', 'a.bin', '--chunk-size', '4M', '--parallel', '2']);
    const waits = (): number => run.stderr.match(/Trying again/g)?.length ?? 0;
    await until(
      () => Promise.resolve(line.open),
      (open) => open >= 2,
    );
    for (let round = 0; round < 2; round += 1) {
      const before = waits();
      killApplication();
      await until(
        () => Promise.resolve(waits()),
        (count) => count > before,
      );
      expect(waits()).toBeGreaterThan(before);
      await until(
        () => own.anonymous.send('/health/ready'),
        ({ status }) => status === 200,
      );
    }
    line.heal();
    expect(await run.ended, run.stderr).toBe(0);
    expect(run.told('sha256')).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('and so does the download', async () => {
    const { id } = await own.admin.upload(bytes);
    line.set({ cutAfterDown: 10 * MIB });
    const run = cli.start(['download', id, '-o', 'b.bin']);
    await run.says(/Trying again in/);
    killApplication();
    line.heal();
    expect(await run.ended, run.stderr).toBe(0);
    expect((await readFile(join(cli.folder, 'b.bin'))).equals(bytes)).toBe(true);
  });
});
