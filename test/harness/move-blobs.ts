import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface Moved {
  /** Null after a signal. */
  readonly code: number | null;
  readonly summary: Readonly<Record<string, unknown>> | undefined;
  readonly stderr: string;
}

export interface Moving {
  readonly child: ChildProcess;
  readonly end: Promise<Moved>;
}

/** The command as it is built, with the environment of an application. */
export function startMoving(env: Readonly<Record<string, string>>, ...args: string[]): Moving {
  const child = spawn(process.execPath, ['dist/src/move-blobs.js', ...args], {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const finish = async (): Promise<Moved> => {
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number | null]>,
    ]);
    const summary = stdout === '' ? undefined : (JSON.parse(stdout) as Record<string, unknown>);
    return { code, summary, stderr };
  };
  return { child, end: finish() };
}
