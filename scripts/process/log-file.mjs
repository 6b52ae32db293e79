import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';

const TAIL_BYTES = 16 * 1024;

/**
 * Puts the log of an earlier run aside as `.1`, so that logs of a long-lived data folder do not grow for ever.
 * @param {string} path
 * @returns {void}
 */
export function rotateLog(path) {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    renameSync(path, `${path}.1`);
  } catch {
    // The first run has no earlier log.
  }
}

/**
 * The last lines of a log, for the message about a part that failed.
 * @param {string} path
 * @param {number} [lines]
 * @returns {string} empty when there is nothing to show
 */
export function tailOf(path, lines = 25) {
  let file;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(file);
  }
}
