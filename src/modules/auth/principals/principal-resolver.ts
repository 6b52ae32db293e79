import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { clientAddress } from '../../../common/http/index.js';
import { ApiKeyPrincipals } from '../api-keys/api-key-principals.js';
import { invalidCredentials } from '../auth.problems.js';
import { OidcPrincipals } from '../oidc/oidc-principals.js';
import { SessionPrincipals } from '../sessions/session-principals.js';
import { originOf } from './actor.js';
import { ANONYMOUS, type Principal } from './principal.js';

/** RFC 6750 §2.1; the scheme is case-insensitive (RFC 9110 §11.1). */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

@Injectable()
export class PrincipalResolver {
  constructor(
    private readonly sessions: SessionPrincipals,
    private readonly apiKeys: ApiKeyPrincipals,
    private readonly oidc: OidcPrincipals,
  ) {}

  /**
   * The principal behind the credentials of a request; without credentials the anonymous one.
   * @throws Problem `unauthenticated` (401) for credentials that do not hold: they never fall back to anonymous; what the kind of
   * credentials throws besides
   */
  async resolve(request: FastifyRequest): Promise<Principal> {
    const { authorization, 'x-api-key': apiKey } = request.headers;
    if (apiKey !== undefined) {
      // Whom of the two it is to be, nobody can tell.
      if (authorization !== undefined) throw invalidCredentials('both Authorization and X-API-Key');
      return this.apiKeys.resolve(String(apiKey), clientAddress(request));
    }
    if (authorization === undefined) return ANONYMOUS;
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) throw invalidCredentials('not a bearer token');
    if (this.oidc.knows(token)) return this.oidc.resolve(token, originOf(request));
    return this.sessions.resolve(token, clientAddress(request));
  }
}
