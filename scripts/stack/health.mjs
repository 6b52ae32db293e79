import { get } from 'node:http';

/**
 * Asks on a connection of its own: one that stays open would have the application wait for us when it ends.
 * @param {string} url
 * @param {AbortSignal} signal
 * @returns {Promise<boolean>} whether the answer is 200
 */
export function answersOk(url, signal) {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, signal }, (response) => {
      response.resume();
      response.once('close', () => {
        resolve(response.statusCode === 200);
      });
    });
    request.once('error', () => {
      resolve(false);
    });
  });
}
