import { Injectable } from '@nestjs/common';
import { type Loaded, type Resting, VersionedCache, Versions } from '../../common/revocation/index.js';
import { CredentialMisses } from '../../common/throttling/index.js';
import type { UserPrincipal } from '../auth/index.js';
import { AllowedAddresses } from './allowed-addresses.js';
import { RedisTokenStore } from './redis-token-store.js';
import type { Resume } from './stored-token.js';
import { tokenIdOf } from './token-text.js';
import { TokensRepository } from './tokens.repository.js';

/** What a token allows; what of it is spent is known to Redis alone. */
export interface DownloadToken {
  readonly id: string;
  readonly fileId: string;
  readonly tenantId: string;
  /** Who minted it, with the rights of now; the credential is the token. */
  readonly minter: UserPrincipal;
  /** Until then a download may begin; one that has begun may go on for a day. */
  readonly expiresAt: Date;
  readonly maxDownloads: number | null;
  readonly maxConcurrent: number;
  /** undefined: from anywhere. */
  readonly allowedIps: AllowedAddresses | undefined;
  readonly resume: Resume;
  readonly filename: string | null;
}

interface KnownToken extends DownloadToken {
  readonly keyExpiresAt: Date | null;
}

/** Tokens by what a client sends. */
@Injectable()
export class DownloadTokens {
  private readonly cache: VersionedCache<KnownToken>;

  constructor(
    private readonly store: RedisTokenStore,
    private readonly repository: TokensRepository,
    private readonly misses: CredentialMisses,
    versions: Versions,
  ) {
    this.cache = new VersionedCache(versions);
  }

  /**
   * What is kept of it from before, whether it still holds or not: for who compares its versions, and asks for its hash in Redis, in the
   * trip in which it acts. A token that was revoked alone has the versions of before.
   */
  recall(text: string): Resting<DownloadToken> | undefined {
    const id = tokenIdOf(text);
    const kept = id === undefined ? undefined : this.cache.recall(id);
    return kept === undefined || isOver(kept.value) ? undefined : kept;
  }

  /**
   * For a day after `expiresAt` as well, for the downloads that have begun. As with `recall`, whoever acts on it asks Redis whether the
   * hash is there.
   * @returns undefined for a token that nobody has, or no longer: revoked, void, of an API key that has ended. That is a miss, and counted
   * @throws Problem `too-many-requests` (429) where too many misses come from; `dependency-unavailable` (503)
   */
  async find(text: string, ip: string): Promise<Resting<DownloadToken> | undefined> {
    const id = tokenIdOf(text);
    if (id === undefined) await this.misses.check('token-miss', ip);
    const found = id === undefined ? undefined : await this.cache.find(id, [], () => this.load(id, ip));
    if (found !== undefined && !isOver(found.value)) return found;
    await this.miss(ip);
    return undefined;
  }

  /** Counts a token that does not open what it was sent for: of another file, expired. */
  miss(ip: string): Promise<void> {
    return this.misses.add('token-miss', ip);
  }

  private async load(id: string, ip: string): Promise<Loaded<KnownToken> | undefined> {
    await this.misses.check('token-miss', ip);
    const token = await this.store.find(id);
    if (token === undefined) return undefined;
    const minter = (await this.repository.holding([token])).get(id);
    if (minter === undefined) return undefined;
    const { userId, userUid, tenantId, role, email, limits, keyExpiresAt } = minter;
    return {
      value: {
        id,
        fileId: token.fileId,
        tenantId,
        minter: {
          kind: 'user',
          userId,
          userUid,
          tenantId,
          role,
          email,
          limits,
          credential: { kind: 'token', id },
        },
        expiresAt: token.expiresAt,
        maxDownloads: token.maxDownloads,
        maxConcurrent: token.maxConcurrent,
        allowedIps: token.allowedIps.length === 0 ? undefined : new AllowedAddresses(token.allowedIps),
        resume: token.resume,
        filename: token.filename,
        keyExpiresAt,
      },
      subjects: [`user:${userId}`, `tenant:${tenantId}`, `file:${token.fileId}`],
    };
  }
}

/** What a key has minted ends with it (RULES 1.6), in the middle of what is kept, too. */
function isOver({ keyExpiresAt }: KnownToken): boolean {
  return keyExpiresAt !== null && keyExpiresAt <= new Date();
}
