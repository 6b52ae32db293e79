import { Injectable } from '@nestjs/common';
import { type Loaded, type Resting, VersionedCache, Versions } from '../../../common/revocation/index.js';
import { invalidCredentials } from '../auth.problems.js';
import type { Origin } from '../principals/actor.js';
import type { UserPrincipal } from '../principals/principal.js';
import { type OidcIdentity, OidcTokens } from './oidc-tokens.js';
import { OidcUsers } from './oidc-users.js';

/** Users by the tokens of their company's identity provider. */
@Injectable()
export class OidcPrincipals {
  private readonly cache: VersionedCache<UserPrincipal>;

  constructor(
    private readonly tokens: OidcTokens,
    private readonly users: OidcUsers,
    versions: Versions,
  ) {
    this.cache = new VersionedCache(versions);
  }

  /** Whether the token is, by its own words, one for `resolve`. */
  knows(token: string): boolean {
    return this.tokens.claims(token);
  }

  /**
   * @throws Problem `unauthenticated` (401) for a token that does not hold, or whose user may not act;
   * `identity-not-accepted` (403); `dependency-unavailable` (503) when the provider cannot be asked for its key
   */
  async resolve(token: string, origin: Origin): Promise<UserPrincipal> {
    return (await this.find(token, origin)).value;
  }

  /** As `resolve`, with the versions. */
  async find(token: string, origin: Origin): Promise<Resting<UserPrincipal>> {
    const identity = await this.tokens.verify(token);
    const { issuer, subject, role, issuedAt } = identity;
    // With the time: each token has its word on the role, once.
    const key = JSON.stringify([issuer, subject, issuedAt.getTime(), role]);
    const user = await this.cache.find(key, [], () => this.load(identity, origin));
    if (user === undefined) throw invalidCredentials('no such user or tenant, or disabled');
    return user;
  }

  private async load(identity: OidcIdentity, origin: Origin): Promise<Loaded<UserPrincipal> | undefined> {
    const user = await this.users.open(identity, origin);
    if (user?.active !== true) return undefined;
    const { userId, userUid, tenantId, role, email, limits } = user;
    return {
      value: {
        ...{ kind: 'user', userId, userUid, tenantId, role, email, limits },
        credential: { kind: 'oidc', issuer: identity.issuer },
      },
      subjects: [`user:${userId}`, `tenant:${tenantId}`],
    };
  }
}
