import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a login may be answered in a storm: its password is wrong, or there are too many at once. */
const EXPECTED = new Set([401, 429]);

/**
 * Logins of accounts that do not exist, each another one; they cost as much as any other.
 * @param {string} appUrl
 * @param {number} perSecond
 * @param {AbortSignal} signal
 * @returns {() => Promise<number>} ends the storm; how many logins were hashed
 */
export function stormLogins(appUrl, perSecond, signal) {
  const end = new AbortController();
  let hashed = 0;
  /** @type {Promise<void>[]} */
  const underWay = [];
  const logIn = async () => {
    const email = `${randomBytes(8).toString('hex')}@example.com`;
    const answer = await fetch(`${appUrl}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ email, password: 'wrong' }),
      signal,
    });
    await answer.arrayBuffer();
    if (!EXPECTED.has(answer.status)) throw new Error(`a login was answered ${String(answer.status)}`);
    if (answer.status === 401) hashed += 1;
  };
  const sending = (async () => {
    while (!end.signal.aborted) {
      underWay.push(logIn());
      await sleep(1000 / perSecond);
    }
  })();
  return async () => {
    end.abort();
    await sending;
    await Promise.all(underWay);
    return hashed;
  };
}
