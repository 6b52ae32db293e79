import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';

/** Of proc(5)'s times; Linux shows a hundred to the second, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100;

/**
 * Measures how much of the machine other programs take while ours work.
 * @returns {() => number} since the call: from 0, nobody else had work, to 1, all cores were theirs; the processor time that
 *   a hypervisor gave away is theirs too
 */
export function watchOthers() {
  const before = { at: performance.now(), all: ticksOfMachine(), ours: ticksOfTree(process.pid) };
  return () => {
    const others = ticksOfMachine() - before.all - (ticksOfTree(process.pid) - before.ours);
    const seconds = (performance.now() - before.at) / 1000;
    return Math.max(0, others / (seconds * TICKS_PER_SECOND * availableParallelism()));
  };
}

/** @returns {number} user, nice, system and steal; not what the kernel did in interrupts, which is nobody's */
function ticksOfMachine() {
  const [user = 0, nice = 0, system = 0, _idle, _iowait, _irq, _softirq, steal = 0] = readFileSync(
    '/proc/stat',
    'utf8',
  )
    .slice('cpu '.length, 200)
    .trim()
    .split(/\s+/)
    .map(Number);
  return user + nice + system + steal;
}

/**
 * @param {number} root
 * @returns {number} of the process, of everything below it, and of what has ended there
 */
function ticksOfTree(root) {
  /** @type {Map<number, { parent: number, ticks: number }>} */
  const processes = new Map();
  for (const pid of readdirSync('/proc').map(Number).filter(Number.isInteger)) {
    try {
      const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
      const fields = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      // utime, stime and, of children that were waited for, cutime, cstime.
      const ticks = fields.slice(11, 15).reduce((sum, value) => sum + value, 0);
      processes.set(pid, { parent: fields[1] ?? 0, ticks });
    } catch {
      // It has ended in the meantime; its parent has its times.
    }
  }
  let sum = 0;
  for (const [pid, { ticks }] of processes) {
    let at = pid;
    while (at !== root && at !== 0) at = processes.get(at)?.parent ?? 0;
    if (at === root) sum += ticks;
  }
  return sum;
}
