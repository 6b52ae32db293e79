import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';
import { DownloadConfig } from '../../../common/config/config.js';
import { ALL_BUCKETS, type LuaScript, loadLuaScript } from '../../../common/redis/index.js';
import { Admission } from '../admission/admission.js';
import { ProcessInstance } from './process-instance.js';
import { TransferReports } from './transfer-reports.js';

/** Milliseconds between two sweeps, by whichever replica, and between two heartbeats of this one. */
const INTERVAL = 5_000;
/** Milliseconds without a heartbeat after which what an instance was sending is over. */
const PATIENCE = 15_000;
/** Milliseconds for which an instance that is gone is remembered. */
const MEMORY = 86_400_000;
/** Of each kind and bucket at once, so that Redis is soon there for others again; the next sweep goes on. */
const MOST = 500;

interface Found {
  readonly lost?: readonly {
    readonly instance: string;
    readonly transfer: string;
    readonly downloadId: string;
  }[];
  readonly aborted?: readonly string[];
}

/** Ends what nobody reports: transfers of an nginx or a process that is gone, and those whose time is over (RULES 4.2, 4.3). */
@Injectable()
export class RedisTransferSweeper implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('Transfers');
  private readonly sweepScript: LuaScript;
  private timer: NodeJS.Timeout | undefined;
  /** Since when Redis has answered each time, by the monotonic clock; undefined: it did not. */
  private answersSince: number | undefined;

  constructor(
    @Inject(Redis) private readonly redis: Redis,
    private readonly admission: Admission,
    private readonly reports: TransferReports,
    private readonly own: ProcessInstance,
    private readonly config: DownloadConfig,
  ) {
    this.sweepScript = loadLuaScript(redis, new URL('./sweep-transfers-1.lua', import.meta.url), 'alone');
  }

  onModuleInit(): void {
    this.timer = setInterval(() => void this.tick(), INTERVAL).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private async tick(): Promise<void> {
    try {
      await this.reports.alive(this.own.id);
      // While Redis was away nobody could say that it lives: they are waited for first.
      const now = performance.now();
      this.answersSince ??= now;
      if (now - this.answersSince < PATIENCE) return;
      // One of the replicas each time.
      const mine = await this.redis.set('transfers:sweep', this.own.id, 'PX', INTERVAL - 500, 'NX');
      if (mine === 'OK') await this.sweep();
    } catch (error) {
      this.answersSince = undefined;
      // What is left is swept when Redis is back.
      this.logger.debug(`no sweep: ${String(error)}`);
    }
  }

  /** Once. Of several at the same time each ends what the others have not. */
  async sweep(): Promise<void> {
    const seen = await this.redis.zrange('nginx:instances', 0, -1, 'WITHSCORES');
    const beats: Readonly<Record<string, number>> = Object.fromEntries(
      Array.from({ length: seen.length / 2 }, (_, place) => [
        seen[place * 2] ?? '',
        Number(seen[place * 2 + 1]),
      ]),
    );
    for (const tag of ALL_BUCKETS) {
      const answer = String(
        await this.sweepScript(
          [`transfers:${tag}:instances`],
          [tag, JSON.stringify(beats), PATIENCE, this.config.idleWindow * 1_000, MOST],
        ),
      );
      const { lost = [] } = JSON.parse(answer) as Found;
      if (lost.length > 0) this.logger.log(`${lost.length} transfers ended without a word`);
      await this.admission.end(lost.map((transfer) => ({ ...transfer, completed: false })));
    }
    const newest = Number(seen.at(-1) ?? 0);
    await this.redis.zremrangebyscore('nginx:instances', '-inf', newest - MEMORY);
  }
}
