import { timingSafeEqual } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { type Loaded, VersionedCache, Versions } from '../../../common/revocation/index.js';
import { CredentialMisses } from '../../../common/throttling/index.js';
import { invalidCredentials } from '../auth.problems.js';
import type { UserPrincipal } from '../principals/principal.js';
import { hashApiKey, prefixOf } from './api-key-text.js';
import { ApiKeysRepository } from './api-keys.repository.js';

interface KnownKey {
  readonly principal: UserPrincipal;
  readonly expiresAt: Date | null;
}

/** Users by their API keys. */
@Injectable()
export class ApiKeyPrincipals {
  private readonly logger = new Logger(ApiKeyPrincipals.name);
  private readonly cache: VersionedCache<KnownKey>;

  constructor(
    private readonly keys: ApiKeysRepository,
    private readonly misses: CredentialMisses,
    versions: Versions,
  ) {
    this.cache = new VersionedCache(versions);
  }

  /** @throws Problem `unauthenticated` (401); `too-many-requests` (429) where too many come from that are nobody's */
  async resolve(text: string, ip: string): Promise<UserPrincipal> {
    const prefix = prefixOf(text);
    if (prefix === undefined) throw invalidCredentials('not an API key');
    const sha256 = hashApiKey(text);
    const known = await this.cache.get(sha256, [], () => this.load(prefix, sha256, ip));
    if (known === undefined) throw invalidCredentials('no such API key, or revoked, or no such user');
    if (known.expiresAt !== null && known.expiresAt <= new Date()) {
      throw invalidCredentials('the API key has expired');
    }
    return known.principal;
  }

  private async load(prefix: string, sha256: string, ip: string): Promise<Loaded<KnownKey> | undefined> {
    await this.misses.check('api-key-miss', ip);
    const key = await this.keys.findUsable(prefix);
    if (key === undefined || !timingSafeEqual(Buffer.from(key.sha256), Buffer.from(sha256))) {
      await this.misses.add('api-key-miss', ip);
      return undefined;
    }
    this.keys.noteUse(key.id).catch((error: unknown) => {
      this.logger.warn(`the last use of an API key is not noted: ${String(error)}`);
    });
    return {
      value: {
        principal: {
          kind: 'user',
          userId: key.userId,
          userUid: key.userUid,
          tenantId: key.tenantId,
          role: key.role,
          email: key.email,
          limits: key.limits,
          credential: {
            kind: 'api-key',
            id: key.id,
            scopes: new Set(key.scopes),
            expiresAt: key.expiresAt,
          },
        },
        expiresAt: key.expiresAt,
      },
      subjects: [`user:${key.userId}`, `tenant:${key.tenantId}`],
    };
  }
}
