import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { addressBlock, clientAddress } from '../../../common/http/index.js';
import { type RateCounter, ThrottleSubject } from '../../../common/throttling/index.js';
import { hashOfEmail, normaliseEmail } from '../accounts/email.js';
import { principalOf } from './request-principal.js';

/** The user; without one the address block, and for logins the account that is tried from there as well. */
@Injectable()
export class PrincipalThrottleSubject extends ThrottleSubject {
  override of(request: FastifyRequest, counter: RateCounter): string {
    const principal = principalOf(request);
    if (principal.kind === 'user') return `user:${principal.userId}`;
    const block = `ip:${addressBlock(clientAddress(request))}`;
    const account = counter === 'login' ? triedAccount(request.body) : undefined;
    return account === undefined ? block : `${block}:${account}`;
  }
}

/** Guards see bodies before they are validated. */
function triedAccount(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('email' in body) || typeof body.email !== 'string')
    return undefined;
  return hashOfEmail(normaliseEmail(body.email));
}
