import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';
import { unavailable } from '../../../common/problems/index.js';
import { type LuaScript, loadLuaScript } from '../../../common/redis/index.js';
import { tagOfDownload } from '../admission/download-id.js';
import { randomText } from '../admission/random-text.js';
import { OpenTransfers } from '../transfers/open-transfers.js';

/** `end <call> <download>`, to which each replica answers `cut <call> <transfers>`. */
const CHANNEL = 'downloads:endings';
/** Milliseconds in which replicas answer; of one that does not, nothing is known. */
const PATIENCE = 800;
/** Milliseconds until a subscription that was refused is tried again. */
const RETRY = 1_000;

/** A logical download, as far as it matters who may end it. */
export interface RecordedDownload {
  readonly tenantId: string;
  readonly fileId: string;
}

/** How many transfers of a download were cut, and how many go on. */
export interface Ending {
  readonly ended: number;
  readonly running: number;
}

/**
 * Ends logical downloads on all replicas. Who misses a message, because its connection was away, looks for itself when it is back which
 * of the downloads that it sends were ended.
 */
@Injectable()
export class RedisDownloadEndings implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('Transfers');
  private readonly endScript: LuaScript;
  /** A connection that has subscribed to something can do nothing else. */
  private readonly subscriber: Redis;
  private readonly calls = new Map<string, (cut: number) => void>();
  private isListening = false;

  constructor(
    @Inject(Redis) private readonly redis: Redis,
    private readonly transfers: OpenTransfers,
  ) {
    this.endScript = loadLuaScript(redis, new URL('./end-download-2.lua', import.meta.url), 'alone');
    this.subscriber = redis.duplicate({ autoResubscribe: false, lazyConnect: true });
  }

  onModuleInit(): void {
    // The other connection to the same Redis says in the log that it is away.
    this.subscriber.on('error', () => undefined);
    this.subscriber.on('close', () => {
      this.isListening = false;
    });
    this.subscriber.on('ready', () => void this.listen());
    this.subscriber.on('message', (_channel: string, text: string) => {
      this.take(text);
    });
    this.subscriber.connect().catch(() => undefined);
  }

  onApplicationShutdown(): void {
    this.subscriber.disconnect();
  }

  /** @returns undefined when there is no such download, or no longer. @throws 503 when Redis is away */
  async find(downloadId: string): Promise<RecordedDownload | undefined> {
    const [tenantId, fileId] = await this.redis.hmget(recordOf(downloadId), 'tenant', 'file');
    return tenantId && fileId ? { tenantId, fileId } : undefined;
  }

  /** @returns undefined when there is no such download, or no longer. @throws 503 when Redis is away */
  async end(downloadId: string): Promise<Ending | undefined> {
    if (!this.isListening) throw unavailable('Redis', new Error('replicas could not answer'));
    const idle = `downloads:${tagOfDownload(downloadId) ?? ''}:idle`;
    const open = Number(await this.endScript([recordOf(downloadId), idle], [downloadId]));
    if (open < 0) return undefined;
    const ended = await this.cutEverywhere(downloadId);
    return { ended, running: Math.max(0, open - ended) };
  }

  private async cutEverywhere(downloadId: string): Promise<number> {
    const call = randomText();
    const all = Promise.withResolvers<boolean>();
    const timer = setTimeout(all.resolve, PATIENCE, false);
    let [asked, answered, cut] = [Infinity, 0, 0];
    this.calls.set(call, (count) => {
      cut += count;
      answered += 1;
      if (answered >= asked) all.resolve(true);
    });
    try {
      asked = await this.redis.publish(CHANNEL, `end ${call} ${downloadId}`);
      // Its answers may have come before its own.
      if (answered < asked) await all.promise;
      return cut;
    } finally {
      clearTimeout(timer);
      this.calls.delete(call);
    }
  }

  private take(text: string): void {
    const [what, call = '', of = ''] = text.split(' ');
    if (what === 'cut') this.calls.get(call)?.(Number(of));
    if (what !== 'end') return;
    const cut = this.cut(of);
    this.redis.publish(CHANNEL, `cut ${call} ${cut}`).catch((error: unknown) => {
      this.logger.debug(`who has ended a download does not hear of it: ${String(error)}`);
    });
  }

  private cut(downloadId: string): number {
    const cut = this.transfers.cut(downloadId);
    if (cut > 0) this.logger.log(`${cut} transfers of the download ${downloadId} were ended`);
    return cut;
  }

  private async listen(): Promise<void> {
    try {
      await this.subscriber.subscribe(CHANNEL);
      this.isListening = true;
      await this.cutMissed();
    } catch (error) {
      this.logger.debug(`ends of downloads are not heard of: ${String(error)}`);
      // A connection that was lost subscribes when it is back.
      if (this.subscriber.status === 'ready') setTimeout(() => void this.listen(), RETRY).unref();
    }
  }

  private async cutMissed(): Promise<void> {
    for (const id of this.transfers.downloads()) {
      if ((await this.redis.hexists(recordOf(id), 'over')) === 1) this.cut(id);
    }
  }
}

function recordOf(downloadId: string): string {
  return `download:${tagOfDownload(downloadId) ?? ''}:${downloadId}`;
}
