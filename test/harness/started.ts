import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** `npm start` or its script, as a person or a supervisor runs it. */
export class Started {
  output = '';
  /** Sessions (setsid) of what it has started; a process that is left behind is in one of them. */
  private sessions = new Set<number>();

  private constructor(
    readonly child: ChildProcess,
    private readonly dataDir: string,
  ) {
    child.stdout?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
  }

  static run(dataDir: string, env: Record<string, string>, command = ['node', 'scripts/start.mjs']): Started {
    const [file = '', ...args] = command;
    const child = spawn(file, args, {
      env: { ...process.env, DATA_DIR: dataDir, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own, so that a terminal's Ctrl-C can be played.
      detached: true,
    });
    return new Started(child, dataDir);
  }

  /** Waits until the output has `text`. @throws when it ends before, or takes too long */
  async until(text: string, seconds = 40): Promise<void> {
    const deadline = Date.now() + seconds * 1_000;
    while (!this.output.includes(text)) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`it ended before it said "${text}":\n${this.output}`);
      }
      if (Date.now() > deadline) throw new Error(`it did not say "${text}" in ${seconds} s:\n${this.output}`);
      await sleep(30);
    }
    await this.remember();
  }

  async exit(): Promise<{ code: number | null; signal: string | null }> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
    return { code: this.child.exitCode, signal: this.child.signalCode };
  }

  /** Waits until nothing that it started runs any more. */
  async untilNothingIsLeft(seconds = 15): Promise<void> {
    const deadline = Date.now() + seconds * 1_000;
    for (;;) {
      const left = await processesOf(this.sessions);
      if (left.length === 0) return;
      if (Date.now() > deadline) throw new Error(`left behind: ${left.join(', ')}`);
      await sleep(50);
    }
  }

  private async remember(): Promise<void> {
    const text = await readFile(join(this.dataDir, 'stack.json'), 'utf8').catch(() => '{}');
    const { children = [] } = JSON.parse(text) as { children?: { pid: number }[] };
    for (const { pid } of children) this.sessions.add(pid);
    if (this.child.pid !== undefined) this.sessions.add(this.child.pid);
  }
}

async function processesOf(sessions: ReadonlySet<number>): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    // pid (name) state ppid pgrp session …; proc(5). A zombie runs no more.
    const [, name = '', rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(stat) ?? [];
    const [state, , , session] = rest.split(' ');
    if (state !== 'Z' && sessions.has(Number(session))) found.push(`${pid} ${name}`);
  }
  return found;
}
