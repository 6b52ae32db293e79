import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { watchBody } from '../../../common/http/index.js';
import { payloadTooLarge, Problem } from '../../../common/problems/index.js';
import { BackgroundDigests, Volumes } from '../../storage/index.js';
import { BodyDigest, type ClaimedDigest } from '../body-digest.js';
import { BODY_PACE } from '../body-pace.js';
import { PassedBody } from '../passed-body.js';
import { asWriter } from '../sessions/as-writer.js';
import { type Lease, UploadLeases } from '../sessions/upload-leases.js';
import { openUploadOf, type UploadSession } from '../sessions/upload-session.js';
import { reached } from '../upload-steps.js';
import { uploadNotFound } from '../uploads.problems.js';
import { BucketBytes, type Incoming } from './bucket-bytes.js';
import { ReceivedBytes } from './received-bytes.js';
import { TusProgress } from './tus-progress.repository.js';
import { checksumMismatch, offsetMismatch, uploadLocked } from './tus.problems.js';

/** All bytes of an upload come in order, so that there is one place to write at. */
const SLOT = 0;

/** A body, and where it belongs. */
export interface TusBody {
  /** Of its first byte. */
  readonly offset: number;
  /** Bytes; undefined: it does not say. */
  readonly length: number | undefined;
  readonly checksum: ClaimedDigest | undefined;
}

/** The bytes of a `PATCH`: one writer at a time, and what has come in stays when its connection breaks. */
@Injectable()
export class WriteBytes {
  constructor(
    private readonly progress: TusProgress,
    private readonly leases: UploadLeases,
    private readonly volumes: Volumes,
    private readonly digests: BackgroundDigests,
    private readonly buckets: BucketBytes,
  ) {}

  /**
   * When it resolves, the bytes survive a crash of the machine.
   * @throws Problem `upload-not-found` (404), `upload-offset-mismatch` (409), `upload-locked` (423), `checksum-mismatch` (460) and then nothing of
   * the body is kept, `payload-too-large` (413), `request-timeout` (408), `insufficient-storage` (507), `dependency-unavailable` (503)
   */
  async write(session: UploadSession, body: TusBody, request: FastifyRequest): Promise<void> {
    checkLength(session, body, body.length ?? 0);
    await watchBody(request, { ...BODY_PACE, maxBytes: Infinity }, async (signal) => {
      const turn = { session, slot: SLOT, signal, busy: uploadLocked };
      await asWriter(this.leases, turn, (lease, ends) => this.writeHeld(session, body, request, lease, ends));
    });
  }

  private async writeHeld(
    session: UploadSession,
    body: TusBody,
    request: FastifyRequest,
    lease: Lease,
    signal: AbortSignal,
  ): Promise<void> {
    const from = await this.progress.of(session);
    if (from === undefined) throw uploadNotFound();
    if (from.received !== body.offset) throw offsetMismatch(from.received);
    const volume = this.volumes.get(session.volume);
    if (lease.takenOver && volume.driver === 'fs') {
      await volume.appends.detach(openUploadOf(session), from.received);
      lease.settle();
    }
    const digest = body.checksum && new BodyDigest([body.checksum]);
    const received = new ReceivedBytes(
      this.progress,
      session,
      volume,
      lease,
      from,
      digest === undefined,
      (through) => {
        reached('part-acknowledged');
        this.follow(session, from.received, through);
      },
    );
    let length = 0;
    const look = (bytes: Buffer): void => {
      checkLength(session, body, (length += bytes.length));
      digest?.update(bytes);
    };
    const source = new PassedBody(request.raw, look, () => {
      lease.assertHeld();
    });
    try {
      await this.store(session, { source, length: body.length }, signal, received);
      if (digest?.wrong() !== undefined) throw checksumMismatch();
      await received.keep();
    } finally {
      source.destroy();
      received.forget();
    }
  }

  private store(
    session: UploadSession,
    incoming: Incoming,
    signal: AbortSignal,
    received: ReceivedBytes,
  ): Promise<void> {
    const volume = this.volumes.get(session.volume);
    if (volume.driver === 's3') return this.buckets.write(session, volume, incoming, signal, received);
    return volume.appends.append(
      openUploadOf(session),
      received.latest.received,
      incoming.source,
      signal,
      async (through) => {
        reached('part-written');
        await received.advance({ received: through, tail: null, parts: [] });
      },
    );
  }

  /** The replica to which the first bytes came takes the hash of what is there, while the rest is coming. */
  private follow({ volume, objectKey }: UploadSession, from: number, through: number): void {
    if (this.volumes.get(volume).driver !== 'fs') return;
    if (from > 0 && this.digests.followedThrough(objectKey) === undefined) return;
    this.digests.follow(volume, objectKey, through);
  }
}

/** @param length bytes of the body, as far as they are known */
function checkLength({ size }: UploadSession, { offset }: TusBody, length: number): void {
  if (offset + length <= size) return;
  throw new Problem(payloadTooLarge, { detail: `The file was announced with ${size} bytes.` });
}
