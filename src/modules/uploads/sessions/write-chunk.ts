import { addAbortSignal, type Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { watchBody } from '../../../common/http/index.js';
import { Problem, validationFailed } from '../../../common/problems/index.js';
import type { UserPrincipal } from '../../auth/index.js';
import { BackgroundDigests, chunksOf, type PartPlace, Volumes } from '../../storage/index.js';
import { BODY_PACE } from '../body-pace.js';
import { PassedBody } from '../passed-body.js';
import { reached } from '../upload-steps.js';
import {
  chunkDiffers,
  lengthRequired,
  uploadBusy,
  uploadCompleted,
  uploadNotFound,
} from '../uploads.problems.js';
import { asWriter } from './as-writer.js';
import { ChunkBytes, wrongLength } from './chunk-bytes.js';
import { chunkCountOf, chunkPlaceOf } from './chunk-plan.js';
import { claimedDigests } from './content-digest-header.js';
import { FindUpload } from './find-upload.js';
import { type Lease, UploadLeases } from './upload-leases.js';
import { openUploadOf, type UploadSession } from './upload-session.js';
import { type ReceivedChunk, UploadSessionsRepository } from './upload-sessions.repository.js';

/** `PUT /uploads/:id/chunks/:index`: one chunk of a session, in any order and beside others. */
@Injectable()
export class WriteChunk {
  constructor(
    private readonly uploads: FindUpload,
    private readonly sessions: UploadSessionsRepository,
    private readonly leases: UploadLeases,
    private readonly volumes: Volumes,
    private readonly digests: BackgroundDigests,
  ) {}

  /**
   * When it resolves, the chunk survives a crash of the machine, and is never written again: the same bytes once more change nothing.
   * @param index as it came
   * @throws Problem `upload-not-found` (404), `upload-expired` (410), `validation-failed` (400), `length-required` (411), `digest-mismatch` (422),
   * `chunk-differs` (409), `upload-completed` (409), `upload-busy` (409), `request-timeout` (408), `insufficient-storage` (507), `dependency-unavailable` (503)
   */
  async write(uid: string, index: string, request: FastifyRequest, owner: UserPrincipal): Promise<void> {
    const session = await this.uploads.alive(uid, owner);
    if (session.protocol !== 'chunks') throw uploadNotFound();
    const place = placeOf(session, index);
    checkLength(request.headers['content-length'], place);
    const body = new ChunkBytes(place, claimedDigests(request.headers['content-digest']));
    const look = (bytes: Buffer) => {
      body.update(bytes);
    };
    await watchBody(request, { ...BODY_PACE, maxBytes: Infinity }, async (signal) => {
      const there = await this.sessions.chunk(session, place.index);
      if (there !== undefined) {
        await compare(there, new PassedBody(request.raw, look), body, signal);
        return;
      }
      if (session.fileId !== null) throw uploadCompleted();
      const turn = { session, slot: place.index, signal, busy: uploadBusy };
      await asWriter(this.leases, turn, async (lease, ends) => {
        const source = new PassedBody(request.raw, look, () => {
          lease.assertHeld();
        });
        // It may have come while the lease was waited for.
        const since = await this.sessions.chunk(session, place.index);
        if (since === undefined) await this.store(session, place, source, body, lease, ends);
        else await compare(since, source, body, ends);
      });
    });
  }

  private async store(
    session: UploadSession,
    place: PartPlace,
    source: Readable,
    body: ChunkBytes,
    lease: Lease,
    signal: AbortSignal,
  ): Promise<void> {
    const { parts } = this.volumes.get(session.volume);
    const where = lease.takenOver ? { ...place, apart: lease.holder } : place;
    const tag = await parts.writePart(openUploadOf(session), where, source, signal);
    reached('part-written');
    const fingerprint = body.check();
    lease.assertHeld();
    const { index } = place;
    if (!(await this.sessions.acknowledge(session, lease, { index, tag, fingerprint })))
      throw uploadNotFound();
    lease.spend();
    reached('part-acknowledged');
    if (!lease.takenOver) await this.follow(session, index);
  }

  /** The replica to which the first chunk came takes the hash of what has no gap before it, while the rest is coming. */
  private async follow(session: UploadSession, index: number): Promise<void> {
    if (this.volumes.get(session.volume).driver !== 'fs') return;
    const from = index === 0 ? 0 : this.digests.followedThrough(session.objectKey);
    if (from === undefined) return;
    const missing = await this.sessions.firstMissing(session, Math.floor(from / session.chunkSize));
    const through = Math.min(missing * session.chunkSize, session.size);
    if (through > from) this.digests.follow(session.volume, session.objectKey, through);
  }
}

function placeOf(session: UploadSession, index: string): PartPlace {
  const place = /^\d{1,5}$/.test(index) ? chunkPlaceOf(session, Number(index)) : undefined;
  if (place !== undefined) return place;
  const count = chunkCountOf(session);
  const message = count === 0 ? 'a file without bytes has no chunks' : `must be from 0 to ${count - 1}`;
  throw new Problem(validationFailed, { errors: [{ field: 'index', message }] });
}

function checkLength(contentLength: string | undefined, { index, size }: PartPlace): void {
  if (contentLength === undefined) throw lengthRequired();
  if (Number(contentLength) !== size) throw wrongLength(index, size);
}

/** The same bytes again are no error; others do not take the place of those that were acknowledged. */
async function compare(
  { index, fingerprint }: ReceivedChunk,
  source: Readable,
  body: ChunkBytes,
  signal: AbortSignal,
): Promise<void> {
  const chunks = chunksOf(addAbortSignal(signal, source));
  while ((await chunks.next()).done !== true);
  if (!fingerprint.equals(body.check())) throw chunkDiffers(index);
}
