import type { Problem } from '../../../common/problems/index.js';

const known = new WeakSet<Problem>();

/** Says that the audit has this refusal already, and knows more of it than the answer tells. */
export function inAudit(problem: Problem): Problem {
  known.add(problem);
  return problem;
}

export function isInAudit(problem: Problem): boolean {
  return known.has(problem);
}
