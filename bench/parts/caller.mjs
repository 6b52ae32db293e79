import { requireProgram } from '../../scripts/bootstrap/programs.mjs';
import { runChild } from '../../scripts/process/child-processes.mjs';
import { parseJson } from '../../scripts/process/parse-json.mjs';

/** @typedef {import('../benchmark.js').Setting} Setting */
/** @typedef {{ Authorization: string }} Credentials */

/**
 * Logs in as the first account.
 * @param {Setting} setting
 * @returns {Promise<Credentials>}
 */
export async function logIn({ stack, signal }) {
  const answer = await fetch(`${stack.appUrl}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email: stack.admin.email, password: stack.admin.password }),
    signal,
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`the login was answered ${String(answer.status)}: ${text}`);
  const { accessToken } = /** @type {{ accessToken: string }} */ (parseJson(text));
  return { Authorization: `Bearer ${accessToken}` };
}

/**
 * Uploads a file by the public port, as a private file of the caller. curl reads it from the disk as it goes.
 * @param {Setting} setting
 * @param {Credentials} credentials
 * @param {string} path absolute
 * @returns {Promise<string>} the file's id
 */
export async function upload({ stack, signal }, { Authorization }, path) {
  const url = `http://127.0.0.1:${String(stack.publicPort)}/api/v1/files`;
  const args = ['-sS', '--fail-with-body', '-H', `Authorization: ${Authorization}`, '-F', `file=@"${path}"`];
  const { code, stdout, output } = await runChild(requireProgram('curl'), [...args, url], { signal });
  if (code !== 0) throw new Error(`the upload failed: ${output.trim()}`);
  return /** @type {{ id: string }} */ (parseJson(stdout)).id;
}

/**
 * @param {Setting} setting
 * @param {Credentials} credentials
 * @param {string} fileId
 * @returns {Promise<string>} a download token that lasts for the whole run, for any number of downloads at once
 */
export async function mintToken({ stack, signal }, credentials, fileId) {
  const answer = await fetch(`${stack.appUrl}/api/v1/files/${fileId}/tokens`, {
    method: 'POST',
    headers: { ...credentials, 'Content-Type': 'application/json' },
    body: JSON.stringify({ expiresIn: 86_400, maxConcurrent: 1_000_000 }),
    signal,
  });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`the token was answered ${String(answer.status)}: ${text}`);
  return /** @type {{ token: string }} */ (parseJson(text)).token;
}

/**
 * Asks the application itself, as nginx would, and makes sure that it hands the body to nginx.
 * @param {Setting} setting
 * @param {Record<string, string>} credentials
 * @param {string} fileId with a query, if there is one
 * @returns {Promise<string>} the X-Accel-Redirect
 */
export async function decide({ stack, signal }, credentials, fileId) {
  const answer = await fetch(`${stack.appUrl}/download/${fileId}`, { headers: { ...credentials }, signal });
  const body = await answer.arrayBuffer();
  const path = answer.headers.get('X-Accel-Redirect');
  if (answer.status !== 200 || path === null || body.byteLength > 0) {
    throw new Error(
      `the decision is not a 200 with X-Accel-Redirect and no body: ${String(answer.status)}, ` +
        `${String(path)}, ${String(body.byteLength)} bytes`,
    );
  }
  return path;
}

/**
 * Asks the application itself, and makes sure that it redirects to the store.
 * @param {Setting} setting
 * @param {Credentials} credentials
 * @param {string} fileId
 * @returns {Promise<string>} the presigned URL
 */
export async function redirection({ stack, signal }, credentials, fileId) {
  const url = `${stack.appUrl}/download/${fileId}`;
  const answer = await fetch(url, { headers: { ...credentials }, redirect: 'manual', signal });
  const location = answer.headers.get('Location');
  if (answer.status !== 302 || !location?.includes('X-Amz-Signature')) {
    throw new Error(
      `the answer is not a 302 to a presigned URL: ${String(answer.status)}, ${String(location)}`,
    );
  }
  return location;
}
