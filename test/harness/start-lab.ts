import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { freePort } from '../../scripts/stack/ports.mjs';
import { Api } from './api.js';
import { Started } from './started.js';

/** What `npm start` says last when it is ready. */
export const READY = 'Ctrl-C';

/** A folder and a port of its own for each test; whatever a test has started is stopped after it, and must leave nothing. */
export class StartLab {
  dataDir = '';
  port = 0;
  private readonly running: Started[] = [];

  /** Call it in a suite's body. */
  static use(): StartLab {
    const lab = new StartLab();
    beforeEach(async () => {
      lab.dataDir = await mkdtemp(join(tmpdir(), 'download-service-start-'));
      lab.port = await freePort();
    });
    afterEach(() => lab.clean());
    return lab;
  }

  start(env: Record<string, string> = {}, command?: string[]): Started {
    const started = Started.run(
      env.DATA_DIR ?? this.dataDir,
      { PUBLIC_PORT: String(this.port), ...env },
      command,
    );
    this.running.push(started);
    return started;
  }

  /** The generated password of the first account. */
  async password(): Promise<string> {
    return (await readFile(join(this.dataDir, 'secrets', 'admin-password'), 'utf8')).trim();
  }

  api(): Api {
    return new Api(`http://localhost:${this.port}`);
  }

  private async clean(): Promise<void> {
    for (const started of this.running.splice(0)) {
      if (started.child.exitCode === null && started.child.signalCode === null) started.child.kill('SIGTERM');
      await started.exit();
      await started.untilNothingIsLeft();
    }
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
