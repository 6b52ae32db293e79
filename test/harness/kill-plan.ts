import { existsSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import type { UploadStep } from '../../src/modules/uploads/upload-steps.js';
import type { Stack } from '../../scripts/stack/start-stack.mjs';

/** Says to the processes of a stack at which step of an upload one of them is to end, as kill -9 does. */
export class KillPlan {
  /** @param path of a file that is not there yet */
  constructor(private readonly path: string) {}

  /** For the application: it loads what carries the plan out. */
  get env(): Record<string, string> {
    const preload = new URL('./kill-at-step.mjs', import.meta.url).href;
    return { KILL_PLAN: this.path, NODE_OPTIONS: `--import ${preload}` };
  }

  async set(step: UploadStep, occurrence: number): Promise<void> {
    await rm(`${this.path}.done`, { force: true });
    await writeFile(`${this.path}.new`, `${step} ${occurrence}`);
    await rename(`${this.path}.new`, this.path);
  }

  /** Whether somebody has been killed since it was set. */
  get isDone(): boolean {
    return existsSync(`${this.path}.done`);
  }

  async clear(): Promise<void> {
    await rm(this.path, { force: true });
  }
}

/**
 * Starts a replica again as soon as it has ended, which the stack's own restart does ever more slowly.
 * @param afterEnd done before it is started again
 * @returns ends it
 */
export function keepRunning(
  { apps }: Stack,
  afterEnd: () => Promise<unknown> = () => Promise.resolve(),
): () => Promise<void> {
  const end = new AbortController();
  const ended = new Promise<undefined>((resolve) => {
    end.signal.addEventListener('abort', () => {
      resolve(undefined);
    });
  });
  const keeping = apps.map(async (app) => {
    while ((await Promise.race([app.exited, ended])) !== undefined) {
      await afterEnd();
      await app.start();
    }
  });
  return async () => {
    end.abort();
    await Promise.all(keeping);
  };
}
