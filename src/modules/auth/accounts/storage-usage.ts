import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { UploadConfig } from '../../../common/config/config.js';
import type { UserPrincipal } from '../principals/principal.js';
import type { StorageUsageDto } from './storage-usage.dto.js';
import { userQuota } from './user-quota.js';

/** What users have stored, as triggers count it. */
@Injectable()
export class StorageUsage {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly config: UploadConfig,
  ) {}

  async of({ tenantId, userId, limits }: UserPrincipal): Promise<StorageUsageDto> {
    const [row] = await this.database.query<{ used: string; reserved: string }[]>(
      'SELECT used_bytes AS used, reserved_bytes AS reserved FROM storage_usage WHERE tenant_id = $1 AND owner_id = $2',
      [tenantId, userId],
    );
    if (row === undefined) throw new Error(`the user ${userId} has no account of its storage`);
    return {
      usedBytes: Number(row.used),
      reservedBytes: Number(row.reserved),
      quotaBytes: userQuota(limits, this.config),
    };
  }
}
