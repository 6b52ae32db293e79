import { readFile, writeFile } from 'node:fs/promises';

/**
 * From now on the kernel keeps the peak anew (proc(5), clear_refs).
 * @param {number} pid
 * @returns {Promise<void>}
 */
async function resetPeak(pid) {
  await writeFile(`/proc/${String(pid)}/clear_refs`, '5');
}

/**
 * @param {number} pid
 * @returns {Promise<{ now: number, peak: number }>} resident memory, MiB
 */
async function residentMemory(pid) {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  const mib = (/** @type {string} */ name) =>
    Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
  return { now: mib('VmRSS'), peak: mib('VmHWM') };
}

/**
 * Watches how far the memory of a process grows from now on.
 * @param {number} pid
 * @param {number} most MiB by which it may
 * @returns {Promise<() => Promise<string>>} says it for the record; rejects when it was more
 */
export async function watchGrowth(pid, most) {
  await resetPeak(pid);
  const before = await residentMemory(pid);
  return async () => {
    const { peak } = await residentMemory(pid);
    const grown = peak - before.now;
    const said = `at most ${peak.toFixed(0)} MiB, ${grown.toFixed(0)} MiB above what it was`;
    // Written so that a figure which could not be read fails too.
    if (!(grown <= most)) throw new Error(`${said}; ${String(most)} MiB are allowed`);
    return said;
  };
}
