import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { NginxConfig, StorageConfig, type VolumeConfig } from '../../../common/config/config.js';
import { Heartbeats } from './heartbeats.js';
import { LogFollower } from './log-follower.js';
import { LEASE_TTL, RedisFollowerLease } from './redis-follower-lease.js';
import { TransferLines } from './transfer-lines.js';
import { TransferReports } from './transfer-reports.js';

/** Milliseconds: between two looks at a log that has nothing new; a line is to be known within 500 (RULES 4.3). */
const POLL_EVERY = 50;
/** The same of a replica that waits for the lease, or for whatever has failed. */
const RETRY_EVERY = 250;
const RENEW_EVERY = 500;

/**
 * Follows the access log of the nginx beside this replica, unless another replica does, and reports how transfers end and that nginx
 * lives (docs/transfers.md).
 */
@Injectable()
export class TransferFollower implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Transfers');
  private readonly stopping = new AbortController();
  private readonly lines: TransferLines;
  private running: Promise<void> | undefined;
  private complaint: string | undefined;
  /** Until when the lease is ours, by the monotonic clock. */
  private heldUntil = 0;

  constructor(
    private readonly nginx: NginxConfig,
    private readonly storage: StorageConfig,
    private readonly lease: RedisFollowerLease,
    reports: TransferReports,
  ) {
    this.lines = new TransferLines(reports);
  }

  onApplicationBootstrap(): void {
    const { accessLog, statusUrl } = this.nginx;
    if (accessLog !== undefined && statusUrl !== undefined) this.running = this.run(accessLog, statusUrl);
    else this.warnAbout(this.storage.volumes.filter(isSentByNginx));
  }

  /** Before the requests in flight are waited for: meanwhile another replica goes on. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private warnAbout(volumes: readonly VolumeConfig[]): void {
    if (volumes.length === 0) return;
    const names = volumes.map(({ name }) => name).join(', ');
    this.logger.warn(
      `NGINX_ACCESS_LOG is not set: nobody says how the transfers end that nginx sends (volumes: ${names}); their downloads keep ` +
        'their slots until the slowest rate allowed is over, and never become completed',
    );
  }

  private async run(accessLog: string, statusUrl: string): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        if (await this.hold(accessLog)) await this.follow(accessLog, statusUrl);
        this.say(undefined);
      } catch (error) {
        this.say(error instanceof Error ? error.message : String(error));
      }
      await sleep(RETRY_EVERY, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** As long as the lease is ours. */
  private async follow(accessLog: string, statusUrl: string): Promise<void> {
    const position = await this.lease.position(accessLog);
    const log = new LogFollower(accessLog, position);
    const heartbeats = new Heartbeats(statusUrl, accessLog);
    const renewing = setInterval(() => void this.hold(accessLog).catch(() => undefined), RENEW_EVERY);
    this.logger.log(`follows ${accessLog}`);
    try {
      while (!this.stopping.signal.aborted && performance.now() < this.heldUntil) {
        const isMore = await this.step(log, accessLog, heartbeats);
        if (!isMore) await sleep(POLL_EVERY);
      }
    } finally {
      clearInterval(renewing);
      heartbeats.stop();
      await log.close();
      await this.giveUp(accessLog);
    }
  }

  /** @returns whether to go on at once */
  private async step(log: LogFollower, accessLog: string, heartbeats: Heartbeats): Promise<boolean> {
    try {
      const isMore = await log.step(async (texts, behind) => {
        heartbeats.seen();
        await this.lines.take(texts);
        if (!(await this.lease.advance(accessLog, behind))) this.heldUntil = 0;
      });
      this.say(undefined);
      return isMore;
    } catch (error) {
      // The lines come again.
      this.say(error instanceof Error ? error.message : String(error));
      await sleep(RETRY_EVERY);
      return false;
    }
  }

  private async hold(accessLog: string): Promise<boolean> {
    const asked = performance.now();
    const isOurs = await this.lease.hold(accessLog);
    this.heldUntil = isOurs ? asked + LEASE_TTL : 0;
    return isOurs;
  }

  /** Where Redis is away, it goes by itself. */
  private async giveUp(accessLog: string): Promise<void> {
    this.heldUntil = 0;
    await this.lease.release(accessLog).catch(() => undefined);
  }

  /** Once, not at each attempt. */
  private say(complaint: string | undefined): void {
    if ((complaint === undefined) === (this.complaint === undefined)) return;
    this.complaint = complaint;
    if (complaint === undefined) this.logger.log('transfers are reported again');
    else this.logger.warn(`transfers cannot be reported: ${complaint}`);
  }
}

function isSentByNginx({ delivery }: VolumeConfig): boolean {
  return delivery === 'accel' || delivery === 'accel-s3' || delivery === 'auto';
}
