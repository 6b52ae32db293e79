import type { FastifyRequest } from 'fastify';

/** Who may see details. */
export abstract class OperatorCheck {
  /** Whether the credentials of the request are an operator's. Wrong ones, and ones that cannot be checked now, are nobody's: it never throws. */
  abstract isOperator(request: FastifyRequest): Promise<boolean>;
}
