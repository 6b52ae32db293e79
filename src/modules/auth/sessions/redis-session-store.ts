import { Inject, Injectable } from '@nestjs/common';
import { Redis } from 'ioredis';
import { type Session, SessionStore } from './session-store.js';

/** Key `session:{id}`: a hash of the session's members. */
@Injectable()
export class RedisSessionStore extends SessionStore {
  constructor(@Inject(Redis) private readonly redis: Redis) {
    super();
  }

  override async create(session: Session, ttl: number): Promise<void> {
    const replies = await this.redis
      .multi()
      .hset(key(session.id), session)
      .expire(key(session.id), ttl)
      .exec();
    for (const [error] of replies ?? []) if (error !== null) throw error;
  }

  override async find(id: string): Promise<Session | undefined> {
    const fields = await this.redis.hgetall(key(id));
    const { userId, userUid, tenantId, createdAt, ip, userAgent } = fields;
    if (userId === undefined || userUid === undefined || tenantId === undefined) return undefined;
    return {
      id,
      userId,
      userUid,
      tenantId,
      createdAt: createdAt ?? '',
      ip: ip ?? '',
      userAgent: userAgent ?? '',
    };
  }

  override async end(id: string): Promise<void> {
    await this.redis.unlink(key(id));
  }
}

function key(id: string): string {
  return `session:{${id}}`;
}
