import { Problem } from '../problems/index.js';

/**
 * What went wrong and why, for a line that the operator reads: the messages of the error and of its causes, outermost first. What a
 * problem says to callers is left out where it has a reason.
 */
export function errorChain(error: unknown): string {
  const said = new Set<string>();
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!(at instanceof Problem) || at.cause === undefined) said.add(at.message);
  }
  return said.size === 0 ? String(error) : [...said].join(': ');
}
