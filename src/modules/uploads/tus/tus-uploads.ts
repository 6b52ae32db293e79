import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { UserPrincipal } from '../../auth/index.js';
import { Volumes } from '../../storage/index.js';
import { AbortUpload } from '../sessions/abort-upload.js';
import { CompleteUpload } from '../sessions/complete-upload.js';
import { CreateUpload } from '../sessions/create-upload.js';
import { FindUpload } from '../sessions/find-upload.js';
import type { UploadSession } from '../sessions/upload-session.js';
import { uploadEnded, uploadNotFound } from '../uploads.problems.js';
import { checksumOf } from './tus-checksum.js';
import { announcedBy } from './tus-metadata.js';
import { bytesOf, malformedHeader, requireBodyType } from './tus-protocol.js';
import { offsetMismatch } from './tus.problems.js';
import { type TusBody, WriteBytes } from './write-bytes.js';

/** tus 1.0 over upload sessions: the headers of a request, and what follows from them. */
@Injectable()
export class TusUploads {
  constructor(
    private readonly uploads: FindUpload,
    private readonly creation: CreateUpload,
    private readonly bytes: WriteBytes,
    private readonly completion: CompleteUpload,
    private readonly ending: AbortUpload,
    private readonly volumes: Volumes,
  ) {}

  /**
   * `POST`, with the first bytes or without. When they fail nothing is left: the client does not know the upload yet.
   * @throws Problem as `CreateUpload.create` and `WriteBytes.write`; `validation-failed` (400), `unsupported-media-type` (415)
   */
  async create(request: FastifyRequest, owner: UserPrincipal, client: AbortSignal): Promise<UploadSession> {
    const { headers } = request;
    refuse(headers, 'upload-defer-length', 'is not offered: send Upload-Length');
    refuse(headers, 'upload-concat', 'is not offered: send one upload');
    const size = bytesOf('Upload-Length', headers['upload-length']);
    const announced = announcedBy(headers['upload-metadata']?.toString());
    const body = hasBody(request) ? bodyAt(0, request) : undefined;
    const session = await this.creation.create({ ...announced, size, chunkSize: LEAST }, 'tus', owner);
    try {
      if (body !== undefined) await this.bytes.write(session, body, request);
      return await this.current(session.uid, owner, client);
    } catch (error) {
      await this.ending.abort(session.uid, owner, AbortSignal.timeout(ABORT_TIME)).catch(() => undefined);
      throw error;
    }
  }

  /** `PATCH`. @throws Problem as `find` and `WriteBytes.write`; `validation-failed` (400), `unsupported-media-type` (415) */
  async append(
    uid: string,
    request: FastifyRequest,
    owner: UserPrincipal,
    client: AbortSignal,
  ): Promise<UploadSession> {
    const body = bodyAt(bytesOf('Upload-Offset', request.headers['upload-offset']), request);
    const session = await this.find(uid, owner);
    if (session.received < session.size) await this.bytes.write(session, body, request);
    else if (body.offset !== session.size || hasBody(request)) throw offsetMismatch(session.size);
    return this.current(uid, owner, client);
  }

  /**
   * `HEAD`. An upload that has all its bytes is first made a file, so that nobody who has seen it whole can lose it.
   * @throws Problem as `find` and `CompleteUpload.complete`
   */
  async current(uid: string, owner: UserPrincipal, client: AbortSignal): Promise<UploadSession> {
    const session = await this.find(uid, owner);
    if (session.fileId !== null || session.received < session.size) return session;
    const volume = this.volumes.get(session.volume);
    // Of a file no tail is left behind.
    if (volume.driver === 's3') await volume.tails.clear(session.objectKey);
    const { file } = await this.completion.complete(uid, owner, client);
    return { ...session, status: 'completed', fileId: file.id };
  }

  /** `DELETE`. @throws Problem as `AbortUpload.abort` */
  async terminate(uid: string, owner: UserPrincipal, client: AbortSignal): Promise<void> {
    requireTus(await this.uploads.any(uid, owner));
    await this.ending.abort(uid, owner, client);
  }

  /**
   * `POST` to an upload, for clients that can send no other method (tus 1.0, "X-HTTP-Method-Override").
   * @returns undefined when it is gone now
   * @throws Problem as the method that is meant; `validation-failed` (400)
   */
  async override(
    uid: string,
    request: FastifyRequest,
    owner: UserPrincipal,
    client: AbortSignal,
  ): Promise<UploadSession | undefined> {
    switch (request.headers['x-http-method-override']) {
      case 'PATCH':
        return this.append(uid, request, owner, client);
      case 'HEAD':
        return this.current(uid, owner, client);
      case 'DELETE':
        await this.terminate(uid, owner, client);
        return undefined;
      default:
        throw malformedHeader('X-HTTP-Method-Override', 'must be PATCH, HEAD or DELETE');
    }
  }

  /** @throws Problem `upload-not-found` (404), `upload-expired` (410) also when it has failed */
  private async find(uid: string, owner: UserPrincipal): Promise<UploadSession> {
    const session = requireTus(await this.uploads.any(uid, owner));
    if (session.failure !== null) throw uploadEnded(session.failure);
    return session;
  }
}

/** Parts as small as the store takes them: what is kept of one that is not whole is held in memory. */
const LEAST = 1;
/** Milliseconds that a failed creation takes at most to take back what it has made. */
const ABORT_TIME = 5_000;

function requireTus(session: UploadSession): UploadSession {
  if (session.protocol !== 'tus') throw uploadNotFound();
  return session;
}

function refuse(headers: FastifyRequest['headers'], name: string, why: string): void {
  if (headers[name] !== undefined) throw malformedHeader(name, why);
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function bodyAt(offset: number, { headers }: FastifyRequest): TusBody {
  requireBodyType(headers['content-type']);
  const length = headers['content-length'];
  return {
    offset,
    length: headers['transfer-encoding'] === undefined ? Number(length ?? 0) : undefined,
    checksum: checksumOf(headers['upload-checksum']),
  };
}
