import { Injectable } from '@nestjs/common';
import type { PageQuery } from '../../common/http/index.js';
import { Problem, validationFailed } from '../../common/problems/index.js';
import type { UserPrincipal } from '../auth/index.js';
import { FileAccess } from '../file-meta/index.js';
import { RedisTokenStore, type TokenPlace } from './redis-token-store.js';
import type { StoredToken } from './stored-token.js';
import type { TokenDto, TokenPageDto } from './tokens.dto.js';
import { TokensRepository } from './tokens.repository.js';

@Injectable()
export class ListTokens {
  constructor(
    private readonly files: FileAccess,
    private readonly repository: TokensRepository,
    private readonly store: RedisTokenStore,
  ) {}

  /**
   * The tokens of a file that hold, newest first. A page may have fewer than were asked for, and more behind it.
   * @throws Problem `validation-failed` (400), those of `FileAccess.open` (403, 404, 410)
   */
  async ofFile(fileId: string, { limit, cursor }: PageQuery, user: UserPrincipal): Promise<TokenPageDto> {
    const after = cursor === undefined ? undefined : decodeCursor(cursor);
    const { tenantId } = await this.files.open(fileId, user, 'manage');
    const epoch = await this.repository.epochOfFile(tenantId, fileId);
    if (epoch === undefined) return { items: [], nextCursor: null };
    const places = await this.store.list(fileId, epoch, limit + 1, after);
    const page = places.slice(0, limit);
    const found = await Promise.all(page.map(({ id }) => this.store.find(id)));
    const tokens = found.filter((token) => token !== undefined);
    const holding = await this.repository.holding(tokens);
    const last = page.at(-1);
    return {
      items: tokens.filter(({ id }) => holding.has(id)).map(toDto),
      nextCursor: places.length > limit && last ? encodeCursor(last) : null,
    };
  }
}

function toDto(token: StoredToken): TokenDto {
  return {
    id: token.id,
    fileId: token.fileId,
    expiresAt: token.expiresAt,
    maxDownloads: token.maxDownloads,
    maxConcurrent: token.maxConcurrent,
    allowedIps: token.allowedIps.length === 0 ? null : token.allowedIps,
    resume: token.resume,
    filename: token.filename,
    used: token.used,
    mintedBy: token.minterId,
    createdAt: token.createdAt,
  };
}

/** Opaque to clients. */
function encodeCursor({ createdAt, id }: TokenPlace): string {
  return Buffer.from(`${createdAt}.${id}`).toString('base64url');
}

/** @throws Problem `validation-failed` (400) for a text that `encodeCursor` did not make */
function decodeCursor(text: string): TokenPlace {
  const [, createdAt = '', id = ''] =
    /^([1-9]\d{0,15})\.([\w-]{22})$/.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? [];
  const place = { createdAt: Number(createdAt), id };
  if (id === '' || encodeCursor(place) !== text) {
    throw new Problem(validationFailed, {
      errors: [{ field: 'cursor', message: 'must be the nextCursor of the answer before' }],
    });
  }
  return place;
}
