import { Injectable } from '@nestjs/common';
import { HttpConfig, TokenConfig } from '../../common/config/config.js';
import { Problem, validationFailed } from '../../common/problems/index.js';
import { type Actor, AuditTrail, invalidCredentials, LimitedUsers } from '../auth/index.js';
import { FileAccess, LimitableFiles } from '../file-meta/index.js';
import { normaliseBlock } from './allowed-addresses.js';
import { RedisTokenStore } from './redis-token-store.js';
import type { StoredToken, TokenTerms } from './stored-token.js';
import { newTokenText } from './token-text.js';
import type { CreatedTokenDto, NewTokenDto } from './tokens.dto.js';
import { tooManyTokens } from './tokens.problems.js';
import { TokensRepository } from './tokens.repository.js';

/** A link to a file for somebody without an account, by the right of who makes it. */
@Injectable()
export class MintToken {
  constructor(
    private readonly files: FileAccess,
    private readonly limitable: LimitableFiles,
    private readonly repository: TokensRepository,
    private readonly store: RedisTokenStore,
    private readonly audit: AuditTrail,
    private readonly config: TokenConfig,
    private readonly limited: LimitedUsers,
    private readonly http: HttpConfig,
  ) {}

  /**
   * @throws Problem `validation-failed` (400), `unauthenticated` (401), those of `FileAccess.open` (403, 404, 410), `too-many-tokens`
   * (409), `not-deliverable` (422)
   */
  async mint(fileId: string, token: NewTokenDto, actor: Actor): Promise<CreatedTokenDto> {
    const { user } = actor;
    const { expiresIn = this.config.ttl } = token;
    if (expiresIn > this.config.maxTtl) {
      throw new Problem(validationFailed, {
        errors: [{ field: 'expiresIn', message: `must not be greater than ${this.config.maxTtl}` }],
      });
    }
    await this.files.open(fileId, user, 'manage');
    // Who manages an expired file may still see it, and nobody downloads it.
    const file = await this.files.open(fileId, user, 'download');
    const terms = termsOf(token);
    // A token downloads under the limits of who minted it (RULES 5.2).
    if (terms.maxDownloads !== null || terms.allowedIps.length > 0 || this.limited.include(user)) {
      this.limitable.require(file);
    }
    const origin = await this.repository.originOf(user, fileId);
    if (origin === undefined) throw invalidCredentials('ended meanwhile');
    const { text, id } = newTokenText();
    const minted = await this.store.mint(
      id,
      { ...terms, ...origin },
      { ttl: expiresIn * 1_000, most: this.config.perMinter },
    );
    if (minted === undefined) throw tooManyTokens(this.config.perMinter);
    await this.record(minted, actor);
    return {
      id,
      token: text,
      url: `${this.http.publicUrl}/download/${fileId}?token=${text}`,
      fileId,
      expiresAt: minted.expiresAt,
      maxDownloads: minted.maxDownloads,
      maxConcurrent: minted.maxConcurrent,
      allowedIps: minted.allowedIps.length === 0 ? null : minted.allowedIps,
      resume: minted.resume,
      filename: minted.filename,
    };
  }

  /** Before the answer: without its row nobody gets to know the token. */
  private async record(token: StoredToken, actor: Actor): Promise<void> {
    const { id, fileId, expiresAt, maxDownloads, maxConcurrent, allowedIps, resume, filename } = token;
    try {
      await this.audit.note({
        ...actor,
        action: 'token.mint',
        outcome: 'ok',
        object: { kind: 'token', id },
        detail: { fileId, expiresAt, maxDownloads, maxConcurrent, allowedIps, resume, filename },
      });
    } catch (error) {
      await this.store.remove(token).catch(() => undefined);
      throw error;
    }
  }
}

function termsOf({ maxDownloads, maxConcurrent, allowedIps, resume, filename }: NewTokenDto): TokenTerms {
  const blocks = (allowedIps ?? []).flatMap((block) => normaliseBlock(block) ?? []);
  return {
    maxDownloads: maxDownloads ?? null,
    maxConcurrent,
    allowedIps: [...new Set(blocks)],
    resume,
    filename: filename ?? null,
  };
}
