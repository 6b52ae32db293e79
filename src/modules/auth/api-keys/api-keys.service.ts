import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Problem, validationFailed } from '../../../common/problems/index.js';
import { RevokingTransaction } from '../../../common/revocation/index.js';
import { lockUser, stillHolds } from '../accounts/users.repository.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { apiKeyNotFound, invalidCredentials, tooManyApiKeys } from '../auth.problems.js';
import type { Actor } from '../principals/actor.js';
import { newApiKey } from './api-key-text.js';
import type { CreatedApiKeyDto, NewApiKeyDto } from './api-keys.dto.js';
import { type ApiKey, ApiKeysRepository } from './api-keys.repository.js';

/** Live keys of one user. */
const MAX_KEYS = 100;

@Injectable()
export class ApiKeysService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly keys: ApiKeysRepository,
    private readonly revoking: RevokingTransaction,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws Problem `validation-failed` (400), `too-many-api-keys` (409) */
  async create({ name, scopes, expiresAt }: NewApiKeyDto, actor: Actor): Promise<CreatedApiKeyDto> {
    const end = expiresAt === undefined ? null : new Date(expiresAt);
    if (end !== null && end <= new Date()) {
      throw new Problem(validationFailed, {
        errors: [{ field: 'expiresAt', message: 'must lie in the future' }],
      });
    }
    const { text, prefix, sha256 } = newApiKey();
    return this.database.transaction(async (transaction) => {
      await lockUser(transaction, actor.user.tenantId, actor.user.userId);
      // A key must not come out of a session that has ended meanwhile: it would outlive what ended it.
      if (!(await stillHolds(transaction, actor.user))) throw invalidCredentials('ended meanwhile');
      if ((await this.keys.countLive(transaction, actor.user.userId)) >= MAX_KEYS) {
        throw tooManyApiKeys(MAX_KEYS);
      }
      const key = await this.keys.insert(transaction, actor.user, {
        name,
        prefix,
        sha256,
        scopes,
        expiresAt: end,
      });
      await this.audit.record(transaction, {
        ...actor,
        action: 'api-key.create',
        outcome: 'ok',
        object: { kind: 'api-key', id: key.id },
        detail: { name, prefix, scopes },
      });
      return { ...key, key: text };
    });
  }

  list({ user }: Actor): Promise<ApiKey[]> {
    return this.keys.list(user.tenantId, user.userId);
  }

  /** From the next request on, on every replica. @throws Problem `api-key-not-found` (404) */
  async revoke(id: string, actor: Actor): Promise<void> {
    const { userId, tenantId } = actor.user;
    await this.revoking.run(async (transaction, announce) => {
      await lockUser(transaction, tenantId, userId);
      await announce(`user:${userId}`);
      if (!(await this.keys.revoke(transaction, userId, id))) throw apiKeyNotFound();
      await this.audit.record(transaction, {
        ...actor,
        action: 'api-key.revoke',
        outcome: 'ok',
        object: { kind: 'api-key', id },
      });
    });
  }
}
