import { Inject, Injectable } from '@nestjs/common';
import { Redis } from 'ioredis';
import { type LuaScript, loadLuaScript } from '../../../common/redis/lua-script.js';
import { type Rotation, type Session, SessionStore, type UsedSession } from './session-store.js';

/** Milliseconds for which a client that did not hear our answer may send the same refresh token again. */
const RETRY_WINDOW = 10_000;

/** Sessions of one user; opening one more forgets the oldest. */
const MAX_SESSIONS = 1_000;

type Fields = Readonly<Record<string, string>>;

/** Keys `session:{id}`: a hash of the session; `sessions:{user:<id>}`: a zset of their ids by end. */
@Injectable()
export class RedisSessionStore extends SessionStore {
  private readonly useScript: LuaScript;
  private readonly rotateScript: LuaScript;

  constructor(@Inject(Redis) private readonly redis: Redis) {
    super();
    this.useScript = loadLuaScript(redis, new URL('./use-session-1.lua', import.meta.url));
    this.rotateScript = loadLuaScript(redis, new URL('./rotate-session-1.lua', import.meta.url));
  }

  override async create(session: Session): Promise<void> {
    const key = keyOf(session.id);
    const end = Date.parse(session.expiresAt);
    const used = { lastSeenAt: session.createdAt, lastSeenIp: session.ip };
    await this.all(
      this.redis
        .multi()
        .hset(key, { ...session, ...used, generation: 0 })
        .pexpireat(key, end)
        .exec(),
    );
    const index = indexOf(session.userId);
    const life = Math.ceil((end - Date.now()) / 1_000);
    // One round trip, in this order.
    const [, , , , count] = await Promise.all([
      this.redis.zadd(index, end, session.id),
      this.redis.expire(index, life, 'NX'),
      this.redis.expire(index, life, 'GT'),
      this.redis.zremrangebyscore(index, 0, Date.now()),
      this.redis.zcard(index),
    ]);
    const surplus = count - MAX_SESSIONS;
    if (surplus > 0) await this.remove(session.userId, await this.redis.zrange(index, 0, surplus - 1));
  }

  override async use(id: string, ip: string): Promise<Session | undefined> {
    const flat = (await this.useScript([keyOf(id)], [ip, new Date().toISOString()])) as string[];
    const fields: Record<string, string> = {};
    for (let place = 0; place + 1 < flat.length; place += 2)
      fields[flat[place] ?? ''] = flat[place + 1] ?? '';
    return toSession(fields);
  }

  override async find(id: string): Promise<UsedSession | undefined> {
    return toSession(await this.redis.hgetall(keyOf(id)));
  }

  override async list(userId: string): Promise<UsedSession[]> {
    const ids = await this.redis.zrange(indexOf(userId), 0, -1);
    const sessions = await Promise.all(ids.map((id) => this.find(id)));
    return sessions
      .filter((session) => session !== undefined)
      .toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  }

  override async rotate(id: string, generation: number): Promise<Rotation> {
    const result = Number(await this.rotateScript([keyOf(id)], [generation, RETRY_WINDOW]));
    if (result < 0) return { outcome: result === -1 ? 'gone' : 'reused' };
    return { outcome: 'rotated', generation: result };
  }

  override async remove(userId: string, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await Promise.all(ids.map((id) => this.redis.unlink(keyOf(id))));
    await this.redis.zrem(indexOf(userId), ...ids);
  }

  private async all(replies: Promise<[Error | null, unknown][] | null>): Promise<void> {
    for (const [error] of (await replies) ?? []) if (error !== null) throw error;
  }
}

function toSession(fields: Fields): UsedSession | undefined {
  const { id, userId, userUid, tenantId, epoch, createdAt, expiresAt } = fields;
  if (
    id === undefined ||
    userId === undefined ||
    userUid === undefined ||
    tenantId === undefined ||
    epoch === undefined ||
    createdAt === undefined ||
    expiresAt === undefined
  ) {
    return undefined;
  }
  return {
    id,
    userId,
    userUid,
    tenantId,
    epoch: Number(epoch),
    createdAt,
    expiresAt,
    ip: fields.ip ?? '',
    userAgent: fields.userAgent ?? '',
    lastSeenAt: fields.lastSeenAt ?? createdAt,
    lastSeenIp: fields.lastSeenIp ?? '',
  };
}

function keyOf(id: string): string {
  return `session:{${id}}`;
}

function indexOf(userId: string): string {
  return `sessions:{user:${userId}}`;
}
