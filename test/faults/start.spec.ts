import { createServer, type Server } from 'node:net';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/stack/ports.mjs';
import { Api } from '../harness/api.js';
import { READY, StartLab } from '../harness/start-lab.js';

describe('npm start', () => {
  const lab = StartLab.use();

  it('is ready, says where; SIGTERM ends everything; a second start finds its data, quickly', async () => {
    const first = lab.start();
    await first.until(READY);
    const password = await lab.password();
    for (const said of [`http://localhost:${lab.port}`, '/docs', 'admin@example.com', password]) {
      expect(first.output).toContain(said);
    }
    const admin = await lab.api().login('admin@example.com', password);
    const bytes = randomBytes(1_000);
    const file = await admin.upload(bytes);
    first.child.kill('SIGTERM');
    expect(await first.exit()).toEqual({ code: 0, signal: null });
    await first.untilNothingIsLeft(2);

    const second = lab.start();
    await second.until(READY, 15);
    const again = await lab.api().login('admin@example.com', password);
    expect((await again.download(file.id)).body.equals(bytes)).toBe(true);
    // The session of the first start is still there: Redis keeps its data too.
    expect((await admin.download(file.id)).status).toBe(200);
  });

  it('a lab.port in use is said before anything starts', async () => {
    const server: Server = createServer().listen(lab.port, '0.0.0.0');
    await once(server, 'listening');
    try {
      const started = lab.start();
      expect((await started.exit()).code).toBe(1);
      expect(started.output).toContain('PUBLIC_PORT');
      expect(started.output).toContain(String(lab.port));
      await expect(stat(join(lab.dataDir, 'postgres'))).rejects.toThrow('ENOENT');
    } finally {
      server.close();
    }
  });

  it.each([
    ['PUBLIC_PORT', 'http'],
    ['PUBLIC_PORT', '70000'],
    ['PORT', '-1'],
  ])('%s=%s is refused by name', async (name, value) => {
    const started = lab.start({ [name]: value });
    expect((await started.exit()).code).toBe(1);
    expect(started.output).toContain(name);
  });

  it('a second stack on the same data is refused; one with its own runs beside it', async () => {
    const started = lab.start();
    await started.until(READY);
    const other = String(await freePort());
    const same = lab.start({ PUBLIC_PORT: other });
    expect((await same.exit()).code).toBe(1);
    expect(same.output).toContain(String(started.child.pid));

    const ownData = await mkdtemp(join(tmpdir(), 'download-service-start-'));
    try {
      const beside = lab.start({ DATA_DIR: ownData, PUBLIC_PORT: other });
      await beside.until(READY);
      for (const at of [lab.port, Number(other)]) {
        expect((await new Api(`http://localhost:${at}`).send('/health/ready')).status).toBe(200);
      }
      beside.child.kill('SIGTERM');
      await beside.exit();
      await beside.untilNothingIsLeft();
      expect((await lab.api().send('/health/ready')).status).toBe(200);
    } finally {
      await rm(ownData, { recursive: true, force: true });
    }
  });

  it('a given ADMIN_PASSWORD is kept nowhere, and another one for the same account is an error', async () => {
    const password = randomBytes(9).toString('base64url');
    const first = lab.start({ ADMIN_EMAIL: 'Boss@example.com', ADMIN_PASSWORD: password });
    await first.until(READY);
    await lab.api().login('boss@example.com', password);
    expect(first.output).not.toContain(password);
    await expect(lab.password()).rejects.toThrow('ENOENT');
    first.child.kill('SIGTERM');
    await first.exit();

    const second = lab.start({ ADMIN_EMAIL: 'boss@example.com', ADMIN_PASSWORD: 'quite-different-1' });
    expect((await second.exit()).code).toBe(1);
    expect(second.output).toContain('ADMIN_PASSWORD');
    expect(second.output).not.toContain('quite-different-1');
    await second.untilNothingIsLeft();

    const third = lab.start({ ADMIN_EMAIL: 'boss@example.com' });
    await third.until(READY);
    await lab.api().login('boss@example.com', password);
    await expect(lab.password()).rejects.toThrow('ENOENT');
  });

  it('a wrong variable is an error that names it, never its value', async () => {
    const started = lab.start({ JWT_SECRET: 'hunter2-short' });
    expect((await started.exit()).code).toBe(1);
    expect(started.output).toContain('JWT_SECRET');
    expect(started.output).not.toContain('hunter2');
    await started.untilNothingIsLeft();
  });

  it('works below a folder of mode 0700', async () => {
    await chmod(lab.dataDir, 0o700);
    const started = lab.start({ DATA_DIR: join(lab.dataDir, 'deep', 'er data') });
    await started.until(READY);
    expect((await lab.api().send('/health/ready')).status).toBe(200);
  });
});
