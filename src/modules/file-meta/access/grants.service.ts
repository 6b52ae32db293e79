import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { decodeIdCursor, type PageQuery, pageOf } from '../../../common/http/index.js';
import { type FieldError, Problem, validationFailed } from '../../../common/problems/index.js';
import { RevokingTransaction } from '../../../common/revocation/index.js';
import { type Actor, AuditTrail, forbidden, type UserPrincipal } from '../../auth/index.js';
import { fileGone, grantNotFound, tooManyGrants } from '../file-meta.problems.js';
import { FileAccess } from '../files/file-access.js';
import { actionToGive } from './decide.js';
import type { GrantDto, GrantPageDto, NewGrantDto, NewGrantsDto } from './grants.dto.js';
import { type GivenGrant, GrantsRepository, type NewGrant } from './grants.repository.js';

/** Grants of one file. */
const MAX_GRANTS = 1_000;

/** Rights on files, given and taken back. Each change is felt by the next request, on every replica (RULES 3.1). */
@Injectable()
export class GrantsService {
  constructor(
    private readonly files: FileAccess,
    private readonly grants: GrantsRepository,
    private readonly revoking: RevokingTransaction,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws Problem of `FileAccess.open` */
  async list(fileId: string, { limit, cursor }: PageQuery, user: UserPrincipal): Promise<GrantPageDto> {
    const after = cursor === undefined ? undefined : decodeIdCursor(cursor);
    await this.files.open(fileId, user, 'manage');
    return pageOf(await this.grants.list(user.tenantId, fileId, limit + 1, after), limit);
  }

  /** @throws Problem `validation-failed` (400), `too-many-grants` (409), those of `FileAccess.open` */
  async give(fileId: string, dto: NewGrantDto, actor: Actor): Promise<GivenGrant> {
    const grant = readGrant(dto, '');
    await this.files.open(fileId, actor.user, actionToGive(grant.permission));
    const [given] = await this.write([fileId], [grant], '', actor);
    if (given === undefined) throw new Error('INSERT … RETURNING gave no row');
    return given;
  }

  /** All of them or none. @throws Problem as `give`, with the member that is wrong; the first file's, when several are */
  async giveMany({ fileIds, grants: dtos }: NewGrantsDto, actor: Actor): Promise<GrantDto[]> {
    const grants = dtos.map((dto, index) => readGrant(dto, `grants.${index}.`));
    const action = grants.some(({ permission }) => permission === 'manage') ? 'manage' : 'download';
    const opened = await Promise.allSettled(
      fileIds.map((id) => this.files.open(id, actor.user, actionToGive(action))),
    );
    opened.forEach((result, index) => {
      if (result.status === 'rejected') throw atField(result.reason, `fileIds.${index}`);
    });
    const given = await this.write(fileIds, grants, 'grants.#.', actor);
    return given.map(({ grant }) => grant);
  }

  /** @throws Problem `grant-not-found` (404), those of `FileAccess.open`; `forbidden` (403) for who could not give it */
  async revoke(fileId: string, id: string, actor: Actor): Promise<void> {
    const { tenantId } = actor.user;
    await this.files.open(fileId, actor.user, 'manage');
    const grant = await this.grants.find(tenantId, fileId, id);
    if (grant === undefined) throw grantNotFound();
    await this.files.open(fileId, actor.user, actionToGive(grant.permission));
    await this.revoking.run(async (transaction, announce) => {
      if ((await this.grants.lockFiles(transaction, tenantId, [fileId])).length === 0) throw fileGone();
      await announce(`file:${fileId}`);
      if (!(await this.grants.remove(transaction, grant, tenantId))) throw grantNotFound();
      await this.audit.record(transaction, {
        ...actor,
        action: 'grant.revoke',
        outcome: 'ok',
        object: { kind: 'file', id: fileId },
        detail: { ...factsOf(grant), grantedBy: grant.grantedBy },
      });
    });
  }

  /** @param at how the request names a grant, with `#` for its number */
  private write(
    fileIds: readonly string[],
    grants: readonly NewGrant[],
    at: string,
    actor: Actor,
  ): Promise<GivenGrant[]> {
    const { tenantId } = actor.user;
    return this.revoking.run(async (transaction, announce) => {
      await this.requireSubjects(transaction, tenantId, grants, at);
      const locked = await this.grants.lockFiles(transaction, tenantId, fileIds);
      if (locked.length < fileIds.length) throw fileGone();
      await announce(...locked.map((id) => `file:${id}` as const));
      const given = await this.grants.give(transaction, actor.user, locked, grants);
      // Whoever lost the right while it waited for the lock must not become the giver of what others gave.
      if (!given.every(({ isByRight }) => isByRight)) throw forbidden();
      const crowded = await this.grants.fileWithMoreThan(transaction, tenantId, locked, MAX_GRANTS);
      if (crowded !== undefined) throw tooManyGrants(crowded, MAX_GRANTS);
      await this.audit.record(
        transaction,
        ...given.map(({ grant, isNew }) => ({
          ...actor,
          action: 'grant.create' as const,
          outcome: 'ok' as const,
          object: { kind: 'file', id: grant.fileId },
          detail: { ...factsOf(grant), ...(!isNew && { renewed: true }) },
        })),
      );
      return given;
    });
  }

  /** A user of another tenant is refused as one that does not exist. @throws Problem `validation-failed` (400) */
  private async requireSubjects(
    transaction: EntityManager,
    tenantId: string,
    grants: readonly NewGrant[],
    at: string,
  ): Promise<void> {
    const ids = grants.flatMap(({ userId }) => userId ?? []);
    if (ids.length === 0) return;
    const users = await this.grants.users(transaction, tenantId, ids);
    const errors = grants.flatMap(({ userId }, index): FieldError[] =>
      userId === null || users.has(userId)
        ? []
        : [{ field: `${at.replace('#', String(index))}userId`, message: 'must be a user of your tenant' }],
    );
    if (errors.length > 0) throw new Problem(validationFailed, { errors });
  }
}

function readGrant({ userId, role, permission, expiresAt }: NewGrantDto, at: string): NewGrant {
  const end = expiresAt === undefined || expiresAt === null ? null : new Date(expiresAt);
  if (end !== null && end <= new Date()) {
    throw new Problem(validationFailed, {
      errors: [{ field: `${at}expiresAt`, message: 'must lie in the future' }],
    });
  }
  return { userId: userId ?? null, role: role ?? null, permission, expiresAt: end };
}

/** Which of the many members of a request it was. What no member is to blame for stays as it is. */
function atField(error: unknown, field: string): unknown {
  if (!(error instanceof Problem) || error.kind.status >= 500) return error;
  const { kind, detail, headers, cause } = error;
  return new Problem(kind, {
    ...(detail !== undefined && { detail }),
    errors: [{ field, message: kind.title }],
    headers,
    cause,
  });
}

/** For the audit. */
function factsOf({ id, userId, role, permission, expiresAt }: GrantDto): Record<string, unknown> {
  return { grantId: id, ...(userId === null ? { role } : { userId }), permission, expiresAt };
}
