import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Api } from '../harness/api.js';
import { trusted } from '../harness/http.js';
import { READY, StartLab } from '../harness/start-lab.js';

describe('npm start -- --tls', () => {
  const lab = StartLab.use();

  it('says whom to trust; its curl line works; the next start is trusted too, and one without it speaks HTTP', async () => {
    const origin = `https://localhost:${lab.port}`;
    const caFile = join(lab.dataDir, 'tls/ca.crt');
    const command = ['npm', 'start', '--', '--tls'];
    const first = lab.start({}, command);
    await first.until(READY);
    for (const said of [`Public URL      ${origin}\n`, `${origin}/docs`, caFile]) {
      expect(first.output).toContain(said);
    }
    const line = /curl --cacert .*/.exec(first.output)?.[0] ?? '';
    const { stdout } = await promisify(execFile)('sh', ['-c', `${line} -sS -o /dev/null -w '%{http_code}'`]);
    expect(stdout).toBe('200');

    const authority = await readFile(caFile);
    trusted.set(origin, authority);
    const admin = await new Api(origin).login('admin@example.com', await lab.password());
    const bytes = randomBytes(1_000);
    const file = await admin.upload(bytes);
    first.child.kill('SIGTERM');
    await first.exit();
    await first.untilNothingIsLeft();

    const second = lab.start({}, command);
    await second.until(READY);
    expect((await admin.download(file.id)).body.equals(bytes)).toBe(true);
    expect((await readFile(caFile)).equals(authority)).toBe(true);
    second.child.kill('SIGTERM');
    await second.exit();
    await second.untilNothingIsLeft();

    const third = lab.start();
    await third.until(READY);
    expect(third.output).not.toContain('--cacert');
    expect((await admin.via(`http://localhost:${lab.port}`).download(file.id)).body.equals(bytes)).toBe(true);
  });
});
