import { readFile, writeFile } from 'node:fs/promises';

/**
 * From now on the kernel keeps the peak anew (proc(5), clear_refs).
 * @param {number} pid
 * @returns {Promise<void>}
 */
export async function resetPeak(pid) {
  await writeFile(`/proc/${String(pid)}/clear_refs`, '5');
}

/**
 * @param {number} pid
 * @returns {Promise<{ now: number, peak: number }>} resident memory, MiB
 */
export async function residentMemory(pid) {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  const mib = (/** @type {string} */ name) =>
    Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
  return { now: mib('VmRSS'), peak: mib('VmHWM') };
}
