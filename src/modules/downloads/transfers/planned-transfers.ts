import { Injectable } from '@nestjs/common';
import { DownloadConfig } from '../../../common/config/config.js';
import { nginxInstanceOf } from '../../../common/http/index.js';
import type { NewTransfer } from '../admission/admission.js';
import type { Chosen } from '../admission/admission-plan.js';
import { randomText } from '../admission/random-text.js';
import type { DownloadRequest } from '../download-request.js';
import { ProcessInstance } from './process-instance.js';

/** Stands for whoever sends a transfer and tells us nothing. */
const UNKNOWN = '-';

/** Says who will tell of the end of a transfer, and by what name. */
@Injectable()
export class PlannedTransfers {
  constructor(
    private readonly own: ProcessInstance,
    private readonly config: DownloadConfig,
  ) {}

  /** @returns undefined when none begins here */
  plan({ delivery, file, selection }: Chosen, { http }: DownloadRequest): NewTransfer | undefined {
    if (delivery.mode === 'redirect' || delivery.mode === 'not-modified') return undefined;
    const nginx = nginxInstanceOf(http);
    const whole = file.size === 0 ? [] : [{ first: 0, last: file.size - 1 }];
    return {
      // nginx chooses the id of its requests; without it the client would.
      id: nginx === undefined ? randomText() : http.id,
      instance: nginx ?? (delivery.mode === 'stream' ? this.own.id : UNKNOWN),
      ranges: selection.kind === 'ranges' ? selection.ranges : whole,
      // nginx counts those that it sends by itself (RULES 4.4).
      ...(delivery.mode === 'stream' && { maxConnections: this.config.maxConnections }),
    };
  }
}
