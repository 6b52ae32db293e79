import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { OidcConfig } from '../../../common/config/config.js';
import type { OidcIssuer } from '../../../common/config/oidc-issuers.js';
import { Problem } from '../../../common/problems/index.js';
import { invalidCredentials } from '../auth.problems.js';
import type { Role } from '../principals/principal.js';
import { claimedIssuer } from './claimed-issuer.js';
import { emailOfClaims } from './email-of-claims.js';
import { IssuerKeys } from './issuer-keys.js';
import { verifyJwt } from './jose-jwt.js';
import { ProviderDocuments } from './provider-documents.js';
import { roleOfClaims } from './role-of-claims.js';

/** What a token of a provider says of its user, as far as it matters here. */
export interface OidcIdentity {
  readonly issuer: string;
  readonly subject: string;
  /** Slug of the tenant that the issuer's users belong to. */
  readonly tenant: string;
  /** Undefined: the provider gives this user none that counts here. */
  readonly role: Role | undefined;
  readonly email: string | undefined;
  /** When the provider said so. */
  readonly issuedAt: Date;
}

interface Verified {
  readonly identity: OidcIdentity;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly generation: number;
}

interface Provider {
  readonly config: OidcIssuer;
  readonly keys: IssuerKeys;
}

/** Characters; a longer one is refused before it is decoded. */
const MAX_LENGTH = 8_192;
/** Characters of all tokens that are kept together. */
const MAX_CACHED = 16 * 2 ** 20;
/** Milliseconds. */
const LOOK_EVERY = 15_000;
/** OpenID Connect Core 1.0 §2: at most 255 ASCII characters. */
const SUBJECT = /^[\x20-\x7e]{1,255}$/;

/** Tokens of companies' identity providers: by issuer, audience and the keys that the provider publishes. */
@Injectable()
export class OidcTokens implements OnModuleInit, OnApplicationShutdown {
  private readonly providers: ReadonlyMap<string, Provider>;
  /** By the whole text: a signature is worth nothing under other claims. */
  private readonly verified = new LRUCache<string, Verified>({
    maxSize: MAX_CACHED,
    sizeCalculation: (_, token) => token.length,
  });
  private timer: NodeJS.Timeout | undefined;

  constructor({ issuers }: OidcConfig) {
    this.providers = new Map(
      issuers.map((config) => [
        config.issuer,
        { config, keys: new IssuerKeys(config.issuer, new ProviderDocuments(config)) },
      ]),
    );
  }

  /** Does not wait: a provider that is away keeps nobody from starting. */
  onModuleInit(): void {
    if (this.providers.size === 0) return;
    const refresh = (): void => {
      for (const { keys } of this.providers.values()) keys.refresh();
    };
    refresh();
    this.timer = setInterval(refresh, LOOK_EVERY).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
    for (const { keys } of this.providers.values()) keys.close();
  }

  /** Whether the token is, by its own words, one of a provider that we know. */
  claims(token: string): boolean {
    return this.providers.size > 0 && (this.verified.has(token) || this.providerOf(token) !== undefined);
  }

  /**
   * @throws Problem `unauthenticated` (401), whatever is wrong with the token; `dependency-unavailable` (503) when the provider
   * cannot be asked for its key
   */
  async verify(token: string): Promise<OidcIdentity> {
    const known = this.verified.get(token);
    if (known !== undefined) {
      const current = this.providers.get(known.identity.issuer)?.keys.generation === known.generation;
      if (current && known.expiresAt > Date.now()) return known.identity;
      this.verified.delete(token);
    }
    const fresh = await this.verifyAnew(token);
    this.verified.set(token, fresh);
    return fresh.identity;
  }

  private async verifyAnew(token: string): Promise<Verified> {
    const provider = this.providerOf(token);
    if (provider === undefined) throw invalidCredentials('not of an issuer that is known');
    const { config, keys } = provider;
    const { generation } = keys;
    try {
      const { subject, issuedAt, expiresAt, claims } = await verifyJwt(token, config, async (header) => {
        const key = await keys.find(header);
        if (key === undefined) throw invalidCredentials('signed with an unknown key');
        return key;
      });
      if (!SUBJECT.test(subject)) throw new Error('a subject that cannot be kept');
      const identity = {
        issuer: config.issuer,
        subject,
        tenant: config.tenant,
        role: roleOfClaims(claims, config),
        email: emailOfClaims(claims, config.emailClaim),
        issuedAt: new Date(issuedAt * 1_000),
      };
      return { identity, expiresAt: expiresAt * 1_000, generation };
    } catch (error) {
      throw error instanceof Problem ? error : invalidCredentials(error);
    }
  }

  private providerOf(token: string): Provider | undefined {
    if (token.length > MAX_LENGTH) return undefined;
    return this.providers.get(claimedIssuer(token) ?? '');
  }
}
