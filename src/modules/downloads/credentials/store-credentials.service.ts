import { Injectable } from '@nestjs/common';
import { type Actor, AuditTrail, LimitedUsers, type UserPrincipal } from '../../auth/index.js';
import { FileAccess } from '../../file-meta/index.js';
import { credentialsUnavailable, type IssuedCredentials, ObjectCredentials } from '../../storage/index.js';
import type { NewStoreCredentialsDto, StoreCredentialsDto } from './store-credentials.dto.js';

/** Downloads that go past us: the store is told what the caller may read, and for how long. */
@Injectable()
export class StoreCredentialsService {
  constructor(
    private readonly files: FileAccess,
    private readonly limited: LimitedUsers,
    private readonly credentials: ObjectCredentials,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * @throws Problem of `FileAccess.open` (404, 410) for any of the files, `credentials-unavailable` (422), `dependency-unavailable` (503)
   */
  async create({ fileIds, ttl }: NewStoreCredentialsDto, actor: Actor): Promise<StoreCredentialsDto> {
    const { user } = actor;
    const opened = await Promise.all(fileIds.map((id) => this.files.openUntil(id, user)));
    if (this.limited.include(user)) {
      throw credentialsUnavailable(
        'Your downloads are limited, which a store cannot do: download the files.',
      );
    }
    const issued = await this.credentials.issue({
      objects: opened.map(({ file }) => ({ volume: file.volume, key: file.objectKey })),
      ttl,
      rightEndsAt: earliest([...opened.map(({ rightEndsAt }) => rightEndsAt), endOfCredential(user)]),
    });
    await this.record(fileIds, issued, actor);
    return {
      ...issued,
      objects: issued.objects.map((object, index) => ({ fileId: fileIds[index] ?? '', ...object })),
    };
  }

  /** A row for each file, so that it is found by the file. Before the answer: without its rows nobody gets them. */
  private async record(
    fileIds: readonly string[],
    { accessKeyId, expiresAt }: IssuedCredentials,
    actor: Actor,
  ): Promise<void> {
    await this.audit.note(
      ...fileIds.map((id) => ({
        ip: actor.ip,
        requestId: actor.requestId,
        user: actor.user,
        action: 'storage.credentials' as const,
        outcome: 'ok' as const,
        object: { kind: 'file', id },
        // By the access key the store's own log says what was done with them; it opens nothing without the other two.
        detail: { accessKeyId, expiresAt: expiresAt.toISOString() },
      })),
    );
  }
}

/** What a key has minted ends with it (RULES 1.6). */
function endOfCredential({ credential }: UserPrincipal): Date | null {
  return credential.kind === 'api-key' ? credential.expiresAt : null;
}

function earliest(ends: readonly (Date | null)[]): Date | null {
  const times = ends.flatMap((end) => (end === null ? [] : [end.getTime()]));
  return times.length === 0 ? null : new Date(Math.min(...times));
}
