import { Inject, Injectable } from '@nestjs/common';
import { Redis } from 'ioredis';
import { bucketTag, type LuaScript, loadLuaScript } from '../../common/redis/index.js';
import type { Resume, StoredToken, TokenOrigin, TokenTerms } from './stored-token.js';

/** Milliseconds for which a download that has begun may go on after the end of its token (RULES 4.5). */
export const CLAIM_LIFE = 24 * 60 * 60 * 1_000;

/** Tokens that are forgotten in one go. */
const BATCH = 500;

/** A list of tokens: those of a file, or of a minter, that were minted under one epoch. */
export interface TokenIndex {
  readonly of: 'file' | 'minter';
  readonly id: string;
  readonly epoch: number;
}

/** Where a page of a list begins: behind this token. */
export interface TokenPlace {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

type Fields = Readonly<Record<string, string>>;

/**
 * Keys `download:token:{bNN}:<id>`: a hash of the token, which decides; its id in lists by file and by minter, each of one epoch. Where
 * a process dies between two steps, a list names a token that there is not.
 */
@Injectable()
export class RedisTokenStore {
  private readonly takePlace: LuaScript;
  private readonly addToList: LuaScript;
  private readonly readList: LuaScript;

  constructor(@Inject(Redis) private readonly redis: Redis) {
    this.takePlace = loadLuaScript(redis, new URL('./mint-token-1.lua', import.meta.url));
    this.addToList = loadLuaScript(redis, new URL('./index-token-2.lua', import.meta.url));
    this.readList = loadLuaScript(redis, new URL('./list-tokens-2.lua', import.meta.url));
  }

  /**
   * @param ttl milliseconds
   * @param most live tokens of one minter
   * @returns undefined when the minter has that many already
   */
  async mint(
    id: string,
    token: TokenTerms & TokenOrigin,
    { ttl, most }: { readonly ttl: number; readonly most: number },
  ): Promise<StoredToken | undefined> {
    const [created, ends] = (await this.takePlace(
      [indexKey(indexOfMinter(token))],
      [id, ttl, most],
    )) as number[];
    if (created === undefined || ends === undefined) return undefined;
    const index = indexKey(indexOfFile(token));
    await this.addToList([index, newestKey(index)], [id, created, ends]);
    const stored = { ...token, id, createdAt: new Date(created), expiresAt: new Date(ends), used: 0 };
    const key = keyOf(id);
    // Last: from here on it opens something.
    const replies = await this.redis
      .multi()
      .hset(key, toFields(stored))
      .pexpireat(key, ends + CLAIM_LIFE)
      .exec();
    for (const [error] of replies ?? []) if (error !== null) throw error;
    return stored;
  }

  /** Also one that has expired less than a day ago: downloads that it has paid for go on. */
  async find(id: string): Promise<StoredToken | undefined> {
    return toToken(id, await this.redis.hgetall(keyOf(id)));
  }

  /** Those that have not expired, newest first, from `after` on. A token that ended otherwise may be among them. */
  async list(fileId: string, epoch: number, limit: number, after?: TokenPlace): Promise<TokenPlace[]> {
    const index = indexKey({ of: 'file', id: fileId, epoch });
    const flat = (await this.readList(
      [index, newestKey(index)],
      [limit, after?.createdAt ?? '+inf', after?.id ?? ''],
    )) as string[];
    return Array.from({ length: flat.length / 2 }, (_, at) => ({
      id: flat[2 * at] ?? '',
      createdAt: Number(flat[2 * at + 1]),
    }));
  }

  /** @throws what the driver throws: then it is there still, or not known to be gone */
  async remove(token: StoredToken): Promise<void> {
    await this.redis.unlink(keyOf(token.id));
    await this.removeFromLists(token.id, token);
  }

  /** All of a list that nobody reads any more; what is left of it when this fails is forgotten by itself. */
  async forget(list: TokenIndex): Promise<void> {
    const index = indexKey(list);
    for (;;) {
      const ids = await this.redis.zrange(index, 0, BATCH - 1);
      if (ids.length === 0) break;
      await Promise.all(ids.map((id) => this.forgetOne(id)));
      await this.redis.zrem(index, ...ids);
    }
    if (list.of === 'file') await this.redis.unlink(newestKey(index));
  }

  private async forgetOne(id: string): Promise<void> {
    const token = await this.find(id);
    if (token !== undefined) await this.remove(token);
  }

  private async removeFromLists(id: string, origin: TokenOrigin): Promise<void> {
    const file = indexKey(indexOfFile(origin));
    const lists = [indexKey(indexOfMinter(origin)), file, newestKey(file)];
    await Promise.all(lists.map((list) => this.redis.zrem(list, id)));
  }
}

function indexOfFile({ fileId, fileEpoch }: TokenOrigin): TokenIndex {
  return { of: 'file', id: fileId, epoch: fileEpoch };
}

function indexOfMinter({ minterId, minterEpoch }: TokenOrigin): TokenIndex {
  return { of: 'minter', id: minterId, epoch: minterEpoch };
}

function indexKey({ of, id, epoch }: TokenIndex): string {
  return `tokens:${of}:{${id}}:${epoch}`;
}

function newestKey(index: string): string {
  return `${index}:newest`;
}

function keyOf(id: string): string {
  return `download:token:${bucketTag(`token:${id}`)}:${id}`;
}

/** The admission script reads these names, and counts `used` and `probes` up. */
function toFields(token: StoredToken): Record<string, string | number> {
  return {
    file: token.fileId,
    fileUid: token.fileUid,
    fileEpoch: token.fileEpoch,
    tenant: token.tenantId,
    minter: token.minterId,
    minterUid: token.minterUid,
    minterEpoch: token.minterEpoch,
    key: token.keyId ?? '',
    createdAt: token.createdAt.getTime(),
    expiresAt: token.expiresAt.getTime(),
    maxDownloads: token.maxDownloads ?? '',
    maxConcurrent: token.maxConcurrent,
    allowedIps: token.allowedIps.length === 0 ? '' : JSON.stringify(token.allowedIps),
    resume: token.resume,
    filename: token.filename ?? '',
    used: token.used,
    probes: 0,
  };
}

function toToken(id: string, fields: Fields): StoredToken | undefined {
  if (fields.file === undefined) return undefined;
  return {
    id,
    fileId: fields.file,
    fileUid: fields.fileUid ?? '',
    fileEpoch: Number(fields.fileEpoch),
    tenantId: fields.tenant ?? '',
    minterId: fields.minter ?? '',
    minterUid: fields.minterUid ?? '',
    minterEpoch: Number(fields.minterEpoch),
    keyId: orNull(fields.key),
    createdAt: new Date(Number(fields.createdAt)),
    expiresAt: new Date(Number(fields.expiresAt)),
    maxDownloads: fields.maxDownloads === '' ? null : Number(fields.maxDownloads),
    maxConcurrent: Number(fields.maxConcurrent),
    allowedIps: fields.allowedIps ? (JSON.parse(fields.allowedIps) as string[]) : [],
    resume: fields.resume as Resume,
    filename: orNull(fields.filename),
    used: Number(fields.used),
  };
}

function orNull(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}
