import { Injectable } from '@nestjs/common';
import { DownloadConfig } from '../../../common/config/config.js';
import type { UserLimits } from './user-limits.js';

/** Limits of one's own that are about downloads; a quota is not. */
const OF_DOWNLOADS = [
  'maxConcurrentDownloads',
  'transferRate',
  'userRate',
] as const satisfies (keyof UserLimits)[];

/** Whether downloads are limited by what a store cannot keep: a rate, the installation's too, or limits of one's own (RULES 5.2). */
export function isLimited(
  limits: UserLimits,
  { transferRate, userRate }: Pick<DownloadConfig, 'transferRate' | 'userRate'>,
): boolean {
  return transferRate > 0 || userRate > 0 || OF_DOWNLOADS.some((name) => limits[name] !== undefined);
}

/** Whose downloads are limited. */
@Injectable()
export class LimitedUsers {
  constructor(private readonly defaults: DownloadConfig) {}

  include({ limits }: { readonly limits: UserLimits }): boolean {
    return isLimited(limits, this.defaults);
  }
}
