import { Inject, Injectable, Logger } from '@nestjs/common';
import { Redis } from 'ioredis';

/**
 * Notices that Redis has come back as another instance: restarted, restored from a copy, or a replica that was promoted. Such
 * a one may have lost the newest writes, so nothing that rested on them holds any more (RULES 3.3).
 */
@Injectable()
export class RedisIdentity {
  private readonly logger = new Logger('Redis');
  private readonly listeners: (() => void)[] = [];
  private known: string | undefined;
  /** Of the connection that is open now; undefined until it has been asked who it is. */
  private asking: Promise<void> | undefined;
  private certain = false;

  constructor(@Inject(Redis) private readonly redis: Redis) {
    redis.on('close', () => {
      this.certain = false;
      this.asking = undefined;
    });
  }

  /** @param listener called before anything is read from the new instance */
  onReplaced(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Resolves when it is known with whom we speak. @throws what the driver throws when Redis does not answer */
  async ensureKnown(): Promise<void> {
    if (this.certain) return;
    this.asking ??= this.ask().catch((error: unknown) => {
      this.asking = undefined;
      throw error;
    });
    await this.asking;
  }

  private async ask(): Promise<void> {
    const facts = await this.redis.info('server', 'replication');
    const identity = ['run_id', 'master_replid'].map((name) => factOf(facts, name)).join(' ');
    if (this.known !== undefined && this.known !== identity) {
      this.logger.warn('Redis is another instance than before: what was kept of it is dropped');
      for (const listener of this.listeners) listener();
    }
    this.known = identity;
    this.certain = this.redis.status === 'ready';
  }
}

function factOf(facts: string, name: string): string {
  return new RegExp(`^${name}:(\\S+)`, 'm').exec(facts)?.[1] ?? '';
}
