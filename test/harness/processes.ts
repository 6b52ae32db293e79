import { readdirSync, readFileSync } from 'node:fs';

/** Open descriptors of a process. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Resident memory of a process without pages of files, MiB (proc(5): RssAnon). */
export function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}

/** Watches the memory of a process from now on, until it is stopped. */
export function watchMemory(pid: number): { readonly idle: number; grown(): number; stop(): void } {
  const idle = memoryOf(pid);
  let peak = idle;
  const timer = setInterval(() => (peak = Math.max(peak, memoryOf(pid))), 50);
  return {
    /** MiB, now. */
    idle,
    /** MiB by which it has been more than that at most. */
    grown: () => peak - idle,
    stop: () => {
      clearInterval(timer);
    },
  };
}

/**
 * Sends a signal to one process, and never to the group of the tests, which is what `process.kill(0)` does.
 * @throws an error when there is none
 */
export function signalProcess(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined || !(pid > 0)) throw new Error(`there is no process to be sent ${signal}`);
  process.kill(pid, signal);
}

/** The same to the whole group that a process leads. */
export function signalGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  if (leader === undefined || !(leader > 0)) throw new Error(`there is no group to be sent ${signal}`);
  process.kill(-leader, signal);
}

/** Whether a process of this number runs. A zombie does not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
