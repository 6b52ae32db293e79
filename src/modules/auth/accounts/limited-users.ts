import { Injectable } from '@nestjs/common';
import { DownloadConfig } from '../../../common/config/config.js';
import type { UserLimits } from './user-limits.js';

/** Whose downloads are limited by what a store cannot keep: a rate, the installation's too, or limits of their own (RULES 5.2). */
@Injectable()
export class LimitedUsers {
  constructor(private readonly defaults: DownloadConfig) {}

  include({ limits }: { readonly limits: UserLimits }): boolean {
    const { transferRate, userRate } = this.defaults;
    return transferRate > 0 || userRate > 0 || Object.keys(limits).length > 0;
  }
}
