import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../bootstrap/checkout.mjs';
import { runChild } from '../process/child-processes.mjs';
import { applicationNode } from './application.mjs';
import { PartFailed } from './part.mjs';
import { readablePassword } from './secrets.mjs';
import { parseJson } from '../process/parse-json.mjs';

/**
 * The first account.
 * @typedef {object} Admin
 * @property {string} email
 * @property {string | undefined} password undefined when an account was there and we do not know its password
 * @property {boolean} generated the password is ours, and kept in the data folder
 */

const PASSWORD = 'admin-password';
/** Whose password the file above holds, once that account is known to have been made with it. */
const EMAIL = 'admin-email';

/**
 * Brings the database to the state of dist/, and makes the first account when there is none.
 * A password that the user gives is passed on and kept nowhere; else one is generated and kept.
 * @param {object} options
 * @param {string} options.dataDir
 * @param {Record<string, string>} options.env the application's
 * @param {{ email: string, password?: string | undefined }} options.admin
 * @param {import('./secrets.mjs').Secrets} options.secrets
 * @param {AbortSignal | undefined} options.signal
 * @returns {Promise<Admin>}
 */
export async function migrate({ dataDir, env, admin, secrets, signal }) {
  const { email } = admin;
  if (admin.password !== undefined) {
    await runMigration(dataDir, { ...env, ADMIN_EMAIL: email, ADMIN_PASSWORD: admin.password }, signal);
    return { email, password: admin.password, generated: false };
  }
  // Kept before it is used: after a kill in between, the next start still knows it.
  const { value, isNew } = secrets.ensure(PASSWORD, readablePassword);
  let account;
  try {
    account = await runMigration(
      dataDir,
      { ...env, ADMIN_EMAIL: email, ADMIN_INITIAL_PASSWORD: value },
      signal,
    );
  } catch (error) {
    if (isNew && error instanceof PartFailed) secrets.remove(PASSWORD);
    throw error;
  }
  if (account === 'created') secrets.keep(EMAIL, email);
  else if (isNew) secrets.remove(PASSWORD);
  const owner = secrets.read(EMAIL) ?? (isNew ? undefined : email);
  return owner === email
    ? { email, password: value, generated: true }
    : { email, password: undefined, generated: false };
}

/**
 * @param {string} dataDir
 * @param {Record<string, string>} env
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<string | undefined>} what became of the first account: `created` or `exists`
 * @throws {PartFailed}
 */
async function runMigration(dataDir, env, signal) {
  const args = ['--enable-source-maps', join(ROOT, 'dist/src/migrate.js')];
  const { code, output, stdout } = await runChild(applicationNode(), args, { cwd: ROOT, env, signal });
  const log = join(dataDir, 'log/migrate.log');
  writeFileSync(log, output, { mode: 0o600 });
  if (code !== 0) throw new PartFailed('migrate', `ended with exit code ${String(code)}`, [log]);
  try {
    const last = stdout.trim().split('\n').at(-1) ?? '';
    return /** @type {{ firstAccount?: string }} */ (parseJson(last)).firstAccount;
  } catch {
    return undefined;
  }
}
