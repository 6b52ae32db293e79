import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { User } from './user.entity.js';

/** Whose downloads are limited by more than the installation's defaults (RULES 5.2). */
@Injectable()
export class LimitedUsers {
  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  async include({
    tenantId,
    userId,
  }: {
    readonly tenantId: string;
    readonly userId: string;
  }): Promise<boolean> {
    const user = await this.users.findOneBy({ tenantId, id: userId });
    return user !== null && Object.keys(user.limits).length > 0;
  }
}
