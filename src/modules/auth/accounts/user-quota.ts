import type { UploadConfig } from '../../../common/config/config.js';
import type { UserLimits } from './user-limits.js';

/** Bytes that the files of a user may have together; null: no limit. */
export function userQuota(
  { quotaBytes }: UserLimits,
  { userQuota: byDefault }: Pick<UploadConfig, 'userQuota'>,
): number | null {
  return quotaBytes ?? (byDefault === 0 ? null : byDefault);
}
