import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { type Loaded, VersionedCache, Versions } from '../../../common/revocation/index.js';
import { User } from './user.entity.js';
import type { UserLimits } from './user-limits.js';

/** The limits that users have now: for what lasts longer than the request that began it. */
@Injectable()
export class CurrentLimits {
  private readonly cache: VersionedCache<UserLimits>;

  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    versions: Versions,
  ) {
    this.cache = new VersionedCache(versions);
  }

  /** @returns what differs from the installation's defaults; undefined when there is no such user */
  of(tenantId: string, userId: string): Promise<UserLimits | undefined> {
    return this.cache.get(`${tenantId} ${userId}`, [`user:${userId}`], () => this.load(tenantId, userId));
  }

  private async load(tenantId: string, userId: string): Promise<Loaded<UserLimits> | undefined> {
    const user = await this.users.findOneBy({ tenantId, id: userId });
    return user === null ? undefined : { value: user.limits, subjects: [`user:${userId}`] };
  }
}
