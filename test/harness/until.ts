import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks until `isThere` says so of the answer.
 * @param within milliseconds
 * @returns the answer, or the last one when it never was
 */
export async function until<T>(
  ask: () => Promise<T>,
  isThere: (answer: T) => boolean,
  within = 5_000,
): Promise<T> {
  const deadline = Date.now() + within;
  for (;;) {
    const answer = await ask();
    if (isThere(answer) || Date.now() > deadline) return answer;
    await sleep(20);
  }
}
