import type { FastifyRequest } from 'fastify';
import type { RateCounter } from './rate-limit.js';

/** Whose requests are counted together: told by those who know who asks. */
export abstract class ThrottleSubject {
  /** A short text, the same for the same principal; without one, for the same address block. */
  abstract of(request: FastifyRequest, counter: RateCounter): string;
}
