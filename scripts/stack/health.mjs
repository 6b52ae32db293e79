import { get } from 'node:http';
import { get as getSecurely } from 'node:https';

/**
 * Asks on a connection of its own: one that stays open would have the application wait for us when it ends.
 * @param {string} url
 * @param {AbortSignal} signal
 * @param {string | Buffer} [ca] for HTTPS, what to trust
 * @returns {Promise<boolean>} whether the answer is 200
 */
export function answersOk(url, signal, ca) {
  return new Promise((resolve) => {
    /** @param {import('node:http').IncomingMessage} response */
    const onResponse = (response) => {
      response.resume();
      response.once('close', () => {
        resolve(response.statusCode === 200);
      });
    };
    const options = { agent: /** @type {const} */ (false), signal };
    const request =
      ca === undefined ? get(url, options, onResponse) : getSecurely(url, { ...options, ca }, onResponse);
    request.once('error', () => {
      resolve(false);
    });
  });
}
