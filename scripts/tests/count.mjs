import { readFile } from 'node:fs/promises';
import { parseJson } from '../process/parse-json.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Count */

/**
 * The part of Vitest's JSON report that is counted (Jest's format).
 * @typedef {object} Report
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {{ status: string, assertionResults: { status: string }[] }[]} testResults one for each file
 */

/** @type {Readonly<Count>} */
export const NOTHING = { passed: 0, failed: 0, skipped: 0 };

/**
 * @param {Readonly<Count>} a
 * @param {Readonly<Count>} b
 * @returns {Count}
 */
export function sum(a, b) {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/**
 * @param {readonly import('../checks/run-checks.mjs').CheckResult[]} results
 * @returns {Count} each check is one test
 */
export function countChecks(results) {
  const passed = results.filter(({ ok }) => ok).length;
  return { passed, failed: results.length - passed, skipped: 0 };
}

/**
 * Never counts as a success what is none: a file that could not be loaded, an error outside of any test, a crash,
 * and a run without tests each are at least one failure.
 * @param {string} reportFile
 * @param {import('../process/child-processes.mjs').ExitStatus} status
 * @returns {Promise<Count>}
 */
export async function countTests(reportFile, status) {
  /** @type {Report} */
  let report;
  try {
    report = /** @type {Report} */ (parseJson(await readFile(reportFile, 'utf8')));
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const passed = report.numPassedTests;
  const skipped = report.numPendingTests + report.numTodoTests;
  const brokenFiles = report.testResults.filter(
    ({ status: file, assertionResults }) =>
      file === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  ).length;
  let failed = report.numFailedTests + brokenFiles;
  if (failed === 0 && (status.code !== 0 || passed + skipped === 0)) failed = 1;
  return { passed, failed, skipped };
}
