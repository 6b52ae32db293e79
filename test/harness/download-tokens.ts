import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '../../src/common/database/index.js';
import { RedisIdentity } from '../../src/common/redis/index.js';
import { RedisVersions } from '../../src/common/revocation/redis-versions.js';
import { CredentialMisses } from '../../src/common/throttling/index.js';
import { RedisThrottlerStorage } from '../../src/common/throttling/redis-throttler-storage.js';
import { DownloadTokens } from '../../src/modules/tokens/download-tokens.js';
import { RedisTokenStore } from '../../src/modules/tokens/redis-token-store.js';
import { TokensRepository } from '../../src/modules/tokens/tokens.repository.js';
import type { Api } from './api.js';

export interface TokenJson {
  readonly id: string;
  readonly token: string;
  readonly url: string;
  readonly fileId: string;
  readonly expiresAt: string;
}

export interface ListedToken {
  readonly id: string;
  readonly used: number;
  readonly mintedBy: string;
}

export const tokensOf = (fileId: string): string => `/api/v1/files/${fileId}/tokens`;

export async function mint(api: Api, fileId: string, terms: object = {}): Promise<TokenJson> {
  const answer = await api.post(tokensOf(fileId), terms);
  expect(answer.status, answer.text).toBe(201);
  return answer.json as TokenJson;
}

export async function listed(api: Api, fileId: string): Promise<ListedToken[]> {
  const answer = await api.send(`${tokensOf(fileId)}?limit=200`);
  expect(answer.status, answer.text).toBe(200);
  return (answer.json as { items: ListedToken[] }).items;
}

/** Tokens as one more replica on the data of a stack finds them. */
export class TokenReplica {
  private constructor(
    readonly tokens: DownloadTokens,
    readonly store: RedisTokenStore,
    readonly redis: Redis,
    private readonly database: DataSource,
  ) {}

  static async open(
    { databaseUrl, redisUrl }: { readonly databaseUrl: string; readonly redisUrl: string },
    tokenMisses = 1_000_000,
  ): Promise<TokenReplica> {
    const redis = new Redis(redisUrl);
    redis.on('error', () => undefined);
    const database = await new DataSource(dataSourceOptions({ url: databaseUrl })).initialize();
    const store = new RedisTokenStore(redis);
    const misses = new CredentialMisses(new RedisThrottlerStorage(redis), {
      api: 1,
      logins: 1,
      downloads: 1,
      tokenMisses,
      chunks: 1,
    });
    const versions = new RedisVersions(redis, new RedisIdentity(redis));
    const tokens = new DownloadTokens(store, new TokensRepository(database), misses, versions);
    return new TokenReplica(tokens, store, redis, database);
  }

  async finds({ token }: Pick<TokenJson, 'token'>, ip = '203.0.113.1'): Promise<boolean> {
    return (await this.tokens.find(token, ip)) !== undefined;
  }

  async close(): Promise<void> {
    this.redis.disconnect();
    await this.database.destroy();
  }
}
