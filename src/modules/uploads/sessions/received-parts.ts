import { Injectable } from '@nestjs/common';
import { ObjectNotFound, Volumes } from '../../storage/index.js';
import { directPartsOf } from '../direct/direct-parts-of.js';
import { uploadIncomplete } from '../uploads.problems.js';
import { chunkCountOf, chunkPlaceOf } from './chunk-plan.js';
import { openUploadOf, type UploadSession } from './upload-session.js';
import { UploadSessionsRepository } from './upload-sessions.repository.js';

/** A part that is there, whole. */
interface ReceivedPart {
  readonly index: number;
  readonly tag: string;
}

/** Which parts of a session are there: by our own account, or, of what clients send past us, by the store's. */
@Injectable()
export class ReceivedParts {
  constructor(
    private readonly sessions: UploadSessionsRepository,
    private readonly volumes: Volumes,
  ) {}

  /** In order. */
  async indexes(session: UploadSession): Promise<number[]> {
    if (session.protocol !== 'direct') return this.sessions.receivedIndexes(session);
    if (session.status === 'failed') return [];
    const parts = session.fileId === null ? await this.listed(session) : undefined;
    return parts === undefined ? [...Array(chunkCountOf(session)).keys()] : parts.map(({ index }) => index);
  }

  /**
   * What the store wants to hear to put the parts together, in order; undefined: it has done so already.
   * @throws Problem `upload-incomplete` (409)
   */
  async tags(session: UploadSession): Promise<string[] | undefined> {
    if (session.protocol !== 'direct') return this.sessions.tags(session);
    const parts = await this.listed(session);
    if (parts !== undefined) requireAll(session, parts.length);
    return parts?.map(({ tag }) => tag);
  }

  /** @throws Problem `upload-incomplete` (409) */
  async require(session: UploadSession): Promise<void> {
    if (session.protocol === 'direct') await this.tags(session);
    else requireAll(session, (await this.sessions.receivedIndexes(session)).length);
  }

  /** Undefined when they are an object already. Parts of another length are none. */
  private async listed(session: UploadSession): Promise<ReceivedPart[] | undefined> {
    const { size, volume, objectKey } = session;
    if (size === 0) return [];
    try {
      const parts = await directPartsOf(this.volumes.get(volume)).list(openUploadOf(session));
      return parts.filter((part) => chunkPlaceOf(session, part.index)?.size === part.size);
    } catch (error) {
      if (!(error instanceof ObjectNotFound)) throw error;
      if ((await this.volumes.get(volume).store.size(objectKey)) === size) return undefined;
      throw error;
    }
  }
}

function requireAll(session: UploadSession, received: number): void {
  const count = chunkCountOf(session);
  if (received < count) throw uploadIncomplete(`${count - received} of ${count} chunks are missing.`);
}
