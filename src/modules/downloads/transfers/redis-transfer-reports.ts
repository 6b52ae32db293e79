import { Inject, Injectable } from '@nestjs/common';
import { Redis } from 'ioredis';
import { type LuaScript, loadLuaScript } from '../../../common/redis/index.js';
import { Admission, type EndedTransfer } from '../admission/admission.js';
import type { TransferLine } from './access-log-line.js';
import { TransferReports } from './transfer-reports.js';

/** nginx's own code for a client that has gone; from there on it speaks of answers that never came. */
const CLIENT_GONE = 499;

/** Keeps when each life of nginx was last seen (`nginx:instances`), and ends the transfers that it tells of. */
@Injectable()
export class RedisTransferReports extends TransferReports {
  private readonly beat: LuaScript;

  constructor(
    @Inject(Redis) redis: Redis,
    private readonly admission: Admission,
  ) {
    super();
    this.beat = loadLuaScript(redis, new URL('./beat-instance-1.lua', import.meta.url), 'alone');
  }

  override async ended(lines: readonly TransferLine[]): Promise<void> {
    await this.admission.end(lines.filter(mayEndTransfer).map(endedOf));
  }

  override async alive(instance: string): Promise<void> {
    await this.beat(['nginx:instances'], [instance]);
  }
}

/**
 * Of a request that nginx gave up, the answer that names its download may not have come, and where it broke off what a store has said, no
 * answer names one; what was refused has none.
 */
function mayEndTransfer({ downloadId, status, askedStore }: TransferLine): boolean {
  return downloadId !== undefined || status === 0 || status >= CLIENT_GONE || askedStore;
}

function endedOf({ instance, requestId, downloadId, status, bytes, completed }: TransferLine): EndedTransfer {
  const isBody = status === 200 || status === 206;
  return {
    transfer: requestId,
    instance,
    downloadId,
    // What else nginx may send under that id is a problem's text.
    bytes: isBody ? bytes : 0,
    completed: isBody && completed,
  };
}
