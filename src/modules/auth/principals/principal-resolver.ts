import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { clientAddress } from '../../../common/http/index.js';
import type { Resting } from '../../../common/revocation/index.js';
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
    return (await this.find(request)).value;
  }

  /** As `resolve`, with the versions that it rests on. */
  async find(request: FastifyRequest): Promise<Resting<Principal>> {
    const given = credentialsOf(request);
    switch (given.kind) {
      case 'none':
        return NOBODY;
      case 'api-key':
        return this.apiKeys.find(given.text, clientAddress(request));
      case 'bearer':
        if (this.oidc.knows(given.text)) return this.oidc.find(given.text, originOf(request));
        return this.sessions.find(given.text, clientAddress(request));
    }
  }

  /**
   * What is kept of it, without asking anybody; undefined: `find` it. Whether it still is so is for who compares the versions.
   * @throws Problem `unauthenticated` (401)
   */
  recall(request: FastifyRequest): Resting<Principal> | undefined {
    const given = credentialsOf(request);
    switch (given.kind) {
      case 'none':
        return NOBODY;
      case 'api-key':
        return this.apiKeys.recall(given.text);
      case 'bearer':
        return this.oidc.knows(given.text) ? undefined : this.sessions.recall(given.text);
    }
  }
}

const NOBODY: Resting<Principal> = Object.freeze({ value: ANONYMOUS, subjects: [], versions: [] });

type Given = { readonly kind: 'none' } | { readonly kind: 'api-key' | 'bearer'; readonly text: string };

const NONE: Given = Object.freeze({ kind: 'none' });

/** @throws Problem `unauthenticated` (401) for what is not even the form of credentials */
function credentialsOf({ headers }: FastifyRequest): Given {
  const { authorization, 'x-api-key': apiKey } = headers;
  if (apiKey !== undefined) {
    // Whom of the two it is to be, nobody can tell.
    if (authorization !== undefined) throw invalidCredentials('both Authorization and X-API-Key');
    return { kind: 'api-key', text: String(apiKey) };
  }
  if (authorization === undefined) return NONE;
  const token = BEARER.exec(authorization)?.[1];
  if (token === undefined) throw invalidCredentials('not a bearer token');
  return { kind: 'bearer', text: token };
}
