import { Inject, Injectable } from '@nestjs/common';
import { Redis } from 'ioredis';
import { type LuaScript, loadLuaScript } from '../../../common/redis/index.js';
import { TransferReports } from './transfer-reports.js';

/** Keeps when each life of nginx was last seen: `nginx:instances`. */
@Injectable()
export class RedisTransferReports extends TransferReports {
  private readonly beat: LuaScript;

  constructor(@Inject(Redis) redis: Redis) {
    super();
    this.beat = loadLuaScript(redis, new URL('./beat-instance-1.lua', import.meta.url));
  }

  override ended(): Promise<void> {
    return Promise.resolve();
  }

  override async alive(instance: string): Promise<void> {
    await this.beat(['nginx:instances'], [instance]);
  }
}
