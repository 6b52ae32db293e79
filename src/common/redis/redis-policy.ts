import { Inject, Injectable, Logger } from '@nestjs/common';
import { Redis } from 'ioredis';

/**
 * Redis holds what must not be evicted or forgotten (sessions, claims, pending hits), so it has to be `noeviction` with
 * AOF (RULES 2.6). Asked again on each new connection; between two connections the last answer stands.
 */
@Injectable()
export class RedisPolicy {
  private readonly logger = new Logger('Redis');
  private violations: readonly string[] | undefined;

  constructor(@Inject(Redis) private readonly redis: Redis) {
    redis.on('ready', () => void this.ask().catch(() => undefined));
  }

  /**
   * What was wrong with the policy when last seen, as sentences; empty when it was right.
   * @throws when Redis cannot be asked and never could
   */
  async check(): Promise<readonly string[]> {
    return this.violations ?? (await this.ask());
  }

  private async ask(): Promise<readonly string[]> {
    // INFO, not CONFIG GET: managed services refuse CONFIG.
    const facts = await this.redis.info('memory', 'persistence');
    const found: string[] = [];
    if (!/^maxmemory_policy:noeviction\r?$/m.test(facts)) found.push('maxmemory-policy must be noeviction');
    if (!/^aof_enabled:1\r?$/m.test(facts)) found.push('appendonly must be yes');
    for (const violation of found) this.logger.error(`Redis is not fit for this service: ${violation}`);
    this.violations = found;
    return found;
  }
}
