import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CliRun, useCli } from '../harness/cli.js';
import { useOwnStack } from '../harness/own-stack.js';
import { signalProcess } from '../harness/processes.js';
import { Seed } from '../harness/seed.js';
import { TcpProxy } from '../harness/tcp-proxy.js';
import { until } from '../harness/until.js';
import { completed, getUpload, putChunks, type UploadJson } from '../harness/uploads.js';

const MIB = 2 ** 20;
const COMMAND = ['upload', 'a.bin', '--chunk-size', '4M', '--parallel', '2'];

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
    signalProcess(own.stack.app?.pid, 'SIGKILL');
  };

  it('killed twice, it is met again: the upload goes on by itself', async () => {
    line.set({ bandwidth: 3 * MIB });
    const run = cli.start(COMMAND);
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
      const ready = await until(
        () => own.anonymous.send('/health/ready'),
        ({ status }) => status === 200,
        30_000,
      );
      expect(ready.status, ready.text).toBe(200);
    }
    line.heal();
    expect(await run.ended, run.stderr).toBe(0);
    expect(run.told('sha256')).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  describe('ended when all chunks were there', () => {
    let seed: Seed;
    beforeAll(() => {
      seed = Seed.open(own.stack);
    });
    afterAll(() => seed.close());

    /** The rest comes without it, so that it does not hear of the end. */
    const interrupted = async (): Promise<UploadJson> => {
      line.set({ bandwidth: 3 * MIB });
      const run = cli.start(COMMAND);
      const upload = await until(theOnlyUpload, (upload) => (upload?.received.length ?? 0) > 0, 10_000);
      if (upload === undefined) throw new Error('nothing has arrived');
      run.child.kill('SIGKILL');
      await run.ended;
      line.heal();
      const { received } = await getUpload(own.admin, upload);
      const missing = [...Array(upload.chunkCount).keys()].filter((index) => !received.includes(index));
      await putChunks(own.admin, upload, bytes, missing);
      return upload;
    };
    const theOnlyUpload = async (): Promise<UploadJson | undefined> => {
      const [row] = await seed.query<{ uid: string }>(
        `SELECT uid FROM upload_sessions WHERE status = 'uploading' ORDER BY id DESC LIMIT 1`,
      );
      return row && (await getUpload(own.admin, { uploadId: row.uid }));
    };
    const finished = async (): Promise<CliRun> => {
      const again = await cli.run(COMMAND);
      expect(again.told('sha256')).toBe(createHash('sha256').update(bytes).digest('hex'));
      return again;
    };

    it('and the service in the middle of completing: the same command asks for that again', async () => {
      const { uploadId } = await interrupted();
      await seed.query(`UPDATE upload_sessions SET status = 'verifying' WHERE uid = $1`, [uploadId]);
      expect((await finished()).stderr).toContain('10 of 10 chunks are there');
    });

    it('and the file was made, and deleted: the same command uploads it anew', async () => {
      const { id } = await completed(own.admin, await interrupted());
      expect((await own.admin.delete(`/api/v1/files/${id}`)).status).toBe(204);
      const again = await finished();
      expect(again.stderr).toContain('begins anew');
      expect(again.told('id')).not.toBe(id);
    });
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
