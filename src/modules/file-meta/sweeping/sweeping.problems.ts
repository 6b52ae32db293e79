import { Problem, type ProblemKind } from '../../../common/problems/index.js';

const sweepRunningKind: ProblemKind = {
  code: 'sweep-running',
  status: 409,
  title: 'A sweep is at work already',
};

/** On this replica or another. */
export function sweepRunning(): Problem {
  return new Problem(sweepRunningKind);
}
