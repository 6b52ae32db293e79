import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { type LuaScript, loadLuaScript } from '../../../common/redis/index.js';
import type { LogPosition } from './log-follower.js';

/** Milliseconds: so long a reader that was killed keeps the others waiting. */
export const LEASE_TTL = 2_000;
/** Seconds; pods take their names with them. */
const POSITION_TTL = 7 * 24 * 3_600;

const storedPosition = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue('must be JSON');
      return z.NEVER;
    }
  })
  .pipe(
    z.object({
      time: z.number(),
      files: z.array(z.object({ first: z.string(), offset: z.int().min(0) })),
    }),
  );

/**
 * Of the replicas beside one nginx only the holder follows its log: `transfers:follower:{<host>:<path>}`, a string with a time to live.
 * How far it has come: `transfers:position:{<host>:<path>}`, JSON.
 */
@Injectable()
export class RedisFollowerLease {
  private readonly holder = randomBytes(12).toString('base64url');
  private readonly holdLease: LuaScript;
  private readonly releaseLease: LuaScript;
  private readonly advancePosition: LuaScript;

  constructor(@Inject(Redis) private readonly redis: Redis) {
    this.holdLease = loadLuaScript(redis, new URL('./hold-lease-1.lua', import.meta.url), 'alone');
    this.releaseLease = loadLuaScript(redis, new URL('./release-lease-1.lua', import.meta.url), 'alone');
    this.advancePosition = loadLuaScript(
      redis,
      new URL('./advance-position-2.lua', import.meta.url),
      'alone',
    );
  }

  /** Takes the lease or renews it. @returns false while another holds it */
  async hold(path: string): Promise<boolean> {
    return (await this.holdLease([leaseOf(path)], [this.holder, LEASE_TTL])) === 1;
  }

  async release(path: string): Promise<void> {
    await this.releaseLease([leaseOf(path)], [this.holder]);
  }

  /** @returns undefined when nothing is known, or what is there cannot be read */
  async position(path: string): Promise<LogPosition | undefined> {
    const text = await this.redis.get(positionOf(path));
    return storedPosition.safeParse(text).data;
  }

  /** @returns false when another holds the lease: nothing was written */
  async advance(path: string, position: LogPosition): Promise<boolean> {
    const args = [this.holder, JSON.stringify(position), POSITION_TTL];
    return (await this.advancePosition([leaseOf(path), positionOf(path)], args)) === 1;
  }
}

/** Both keys in one slot of a cluster. */
const tagOf = (path: string): string => `{${hostname()}:${path}}`;
const leaseOf = (path: string): string => `transfers:follower:${tagOf(path)}`;
const positionOf = (path: string): string => `transfers:position:${tagOf(path)}`;
