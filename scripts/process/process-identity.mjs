import { readFileSync, readdirSync } from 'node:fs';

/**
 * A process as it can be recognised later: a pid alone may be given to another program after a crash,
 * a pid with its start time (clock ticks since boot, proc(5) stat field 22) may not.
 * @typedef {{ pid: number, startTime: number }} ProcessIdentity
 */

/**
 * @param {number} pid
 * @returns {{ state: string, parent: number, group: number, startTime: number } | undefined} undefined when there is no such
 *   process
 */
function readStat(pid) {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    // The program's name stands in parentheses and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      state: fields[0] ?? '',
      parent: Number(fields[1]),
      group: Number(fields[2]),
      startTime: Number(fields[19]),
    };
  } catch {
    return undefined;
  }
}

/**
 * @param {number} pid
 * @returns {ProcessIdentity | undefined}
 */
export function identify(pid) {
  const stat = readStat(pid);
  return stat && { pid, startTime: stat.startTime };
}

/**
 * Whether that very process still runs. A zombie does not: where process 1 collects no orphans it stays for ever.
 * @param {ProcessIdentity} process
 * @returns {boolean}
 */
export function isAlive({ pid, startTime }) {
  const stat = readStat(pid);
  return stat?.startTime === startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/**
 * @param {number} pid
 * @returns {string | undefined} the name of the program that runs under this number; undefined for none, or a zombie
 */
export function programOf(pid) {
  if ((readStat(pid)?.state ?? 'Z') === 'Z') return undefined;
  try {
    return readFileSync(`/proc/${String(pid)}/comm`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** @returns {number[]} */
function everyPid() {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/**
 * What is left of a process group whose leader has ended: nginx's workers outlive a master that was killed with -9, and keep
 * its port. While the group has a member, its number is given to no other process.
 * @param {number} leader
 * @returns {ProcessIdentity[]} nothing while a process of that number lives
 */
export function orphansOf(leader) {
  if ((readStat(leader)?.state ?? 'Z') !== 'Z') return [];
  return everyPid().flatMap((pid) => {
    const stat = readStat(pid);
    return stat?.group === leader ? [{ pid, startTime: stat.startTime }] : [];
  });
}

/**
 * @param {number} root
 * @returns {number[]} every living descendant of `root`, without `root`
 */
function descendants(root) {
  /** @type {Map<number, number[]>} */
  const children = new Map();
  for (const pid of everyPid()) {
    const stat = readStat(pid);
    if (stat) children.set(stat.parent, [...(children.get(stat.parent) ?? []), pid]);
  }
  /** @type {number[]} */
  const found = [];
  const open = [root];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const below = children.get(next) ?? [];
    found.push(...below);
    open.push(...below);
  }
  return found;
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 * @returns {void}
 */
export function sendSignal(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended in the meantime: what was wanted.
  }
}

/**
 * Signals a process and everything below it. Not by process group: PostgreSQL gives each backend a session of
 * its own, and a frozen or killed server whose backends go on answering is not the fault that a test asks for.
 * @param {number} root
 * @param {NodeJS.Signals} signal
 * @returns {void}
 */
export function signalTree(root, signal) {
  // A stopped parent has no more children, so the list below it is complete when it is walked.
  if (signal === 'SIGKILL') sendSignal(root, 'SIGSTOP');
  else sendSignal(root, signal);
  for (const pid of descendants(root)) sendSignal(pid, signal);
  if (signal === 'SIGKILL') sendSignal(root, signal);
}
