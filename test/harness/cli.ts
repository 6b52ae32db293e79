import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect } from 'vitest';

const MAIN = resolve('dist/src/cli/main.js');

/** The built command-line client, run as a process of its own. */
export class CliRun {
  stdout = '';
  /** What a person sees: progress and complaints. */
  stderr = '';
  readonly child: ChildProcess;
  /** Resolves with the exit code, or with the name of the signal that has ended it. */
  readonly ended: Promise<number | string>;

  constructor(command: readonly string[], cwd: string, env: Record<string, string>) {
    const [file = '', ...args] = command;
    this.child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.on('data', (bytes: Buffer) => (this.stdout += bytes.toString()));
    this.child.stderr?.on('data', (bytes: Buffer) => (this.stderr += bytes.toString()));
    this.ended = new Promise((done) => {
      this.child.on('close', (code, signal) => {
        done(code ?? signal ?? 'nothing');
      });
    });
  }

  /** Waits until it has told that. */
  async says(text: RegExp): Promise<void> {
    for (let waited = 0; !text.test(this.stderr); waited += 10) {
      const hasEnded = this.child.exitCode !== null || this.child.signalCode !== null;
      if (hasEnded || waited > 15_000) throw new Error(`it never said ${String(text)}:\n${this.stderr}`);
      await sleep(10);
    }
  }

  /** The line of the output that begins with this word, without it. */
  told(word: string): string {
    const [, value = ''] = new RegExp(`^${word} (.*)$`, 'm').exec(this.stdout) ?? [];
    return value;
  }
}

export interface Cli {
  /** The working folder, the home and the state of the client: empty before each test. */
  readonly folder: string;
  /** Set by suites: DOWNLOAD_SERVICE_URL and credentials. */
  env: Record<string, string>;
  /** @param program instead of this Node */
  start(args: readonly string[], program?: readonly string[]): CliRun;
  /** @returns what it has said, having ended with this code */
  run(args: readonly string[], exitCode?: number): Promise<CliRun>;
}

/** Everything that is started is ended after its test. */
export function useCli(): Cli {
  const runs: CliRun[] = [];
  const cli: { -readonly [K in keyof Cli]: Cli[K] } = {
    folder: '',
    env: {},
    start: (args, program = [process.execPath, MAIN]) => {
      const env = {
        PATH: process.env.PATH ?? '',
        HOME: cli.folder,
        XDG_STATE_HOME: join(cli.folder, 'state'),
        ...cli.env,
      };
      const started = new CliRun([...program, ...args], cli.folder, env);
      runs.push(started);
      return started;
    },
    run: async (args, exitCode = 0) => {
      const started = cli.start(args);
      expect(await started.ended, started.stderr).toBe(exitCode);
      return started;
    },
  };
  beforeEach(async () => {
    cli.folder = await mkdtemp(join(tmpdir(), 'cli-'));
  });
  afterEach(async () => {
    for (const { child } of runs.splice(0)) child.kill('SIGKILL');
    await rm(cli.folder, { recursive: true, force: true });
  });
  return cli;
}
