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
    switch (session.protocol) {
      case 'chunks':
        return this.sessions.receivedIndexes(session);
      case 'tus':
        return first(wholeChunks(session));
      case 'direct':
        return this.directIndexes(session);
    }
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
    switch (session.protocol) {
      case 'chunks':
        requireAll(session, (await this.sessions.receivedIndexes(session)).length);
        break;
      case 'tus':
        requireBytes(session);
        break;
      case 'direct':
        await this.tags(session);
        break;
    }
  }

  private async directIndexes(session: UploadSession): Promise<number[]> {
    if (session.status === 'failed') return [];
    const parts = session.fileId === null ? await this.listed(session) : undefined;
    return parts?.map(({ index }) => index) ?? first(chunkCountOf(session));
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

function requireBytes({ size, received }: UploadSession): void {
  if (received < size) throw uploadIncomplete(`${size - received} of ${size} bytes are missing.`);
}

/** What comes byte after byte has no chunks of its own: told are those that it makes up. */
function wholeChunks(session: UploadSession): number {
  const { size, received, chunkSize } = session;
  return received === size ? chunkCountOf(session) : Math.floor(received / chunkSize);
}

function first(count: number): number[] {
  return [...Array(count).keys()];
}
