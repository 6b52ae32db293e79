import { addAbortSignal, Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { countDead, type PartPlace, type Volume } from '../../storage/index.js';
import { chunkPlaceOf } from '../sessions/chunk-plan.js';
import { openUploadOf, type UploadSession } from '../sessions/upload-session.js';
import { BodyPieces } from './body-pieces.js';
import type { ReceivedBytes } from './received-bytes.js';

type BucketVolume = Extract<Volume, { driver: 's3' }>;

/** Bytes that are held of a body of which it is not known whether it brings the rest of a part. */
const PIECE = 2 ** 20;
/** Milliseconds in which a store must have taken what has come in, whatever became of the client. */
const KEEP_TIME = 20_000;
/** Tails that are in memory at the same time; each is shorter than a part. */
const TAILS_AT_ONCE = 4;

/** What one request brings. */
export interface Incoming {
  readonly source: Readable;
  /** Bytes; undefined: it does not say. */
  readonly length: number | undefined;
}

/**
 * Bytes in order for a store that takes whole parts only. What will make up a part, and the length of the request says so, is passed on
 * as it comes; what ends before is kept as the part's tail (RULES 6.3). A connection that breaks takes with it at most the part that was
 * passed on; that part is then collected by the megabyte, so that also clients whose connections never last get on.
 */
@Injectable()
export class BucketBytes {
  /** By the session, the index of the part in which its last request broke off. */
  private readonly broken = new LRUCache<string, number>({ max: 10_000 });
  private free = TAILS_AT_ONCE;
  private readonly waiting: (() => void)[] = [];

  /** When it rejects, too, what had come in was kept, as far as is said above. */
  async write(
    session: UploadSession,
    volume: BucketVolume,
    { source, length }: Incoming,
    signal: AbortSignal,
    received: ReceivedBytes,
  ): Promise<void> {
    const end = length === undefined ? undefined : received.latest.received + length;
    const body = new BodyPieces(addAbortSignal(signal, source));
    while (await body.more()) {
      const place = placeOf(session, received.latest.received);
      const isWhole = end !== undefined && end >= place.offset + place.size;
      if (isWhole && this.broken.get(session.uid) !== place.index)
        await this.passOn(session, volume, place, body, signal, received);
      else await this.collect(session, volume, place, body, received);
    }
  }

  private async passOn(
    session: UploadSession,
    { parts, tails }: BucketVolume,
    place: PartPlace,
    body: BodyPieces,
    signal: AbortSignal,
    received: ReceivedBytes,
  ): Promise<void> {
    const { tail, received: from } = received.latest;
    async function* bytes(): AsyncGenerator<Buffer, void> {
      if (tail !== null) yield await tails.read(session.objectKey, tail);
      yield* body.next(place.offset + place.size - from);
    }
    try {
      const tag = await parts.writePart(openUploadOf(session), place, Readable.from(bytes()), signal);
      const part = { index: place.index, tag };
      await received.advance({ received: place.offset + place.size, tail: null, parts: [part] });
    } catch (error) {
      this.broken.set(session.uid, place.index);
      throw error;
    }
  }

  private async collect(
    session: UploadSession,
    volume: BucketVolume,
    place: PartPlace,
    body: BodyPieces,
    received: ReceivedBytes,
  ): Promise<void> {
    const missing = place.offset + place.size - received.latest.received;
    const pieces: Buffer[] = [];
    try {
      for await (const piece of body.next(Math.min(missing, PIECE))) {
        pieces.push(piece);
        countDead(piece.length);
      }
    } catch (error) {
      await this.alone(() => keep(session, volume, place, pieces, received)).catch(() => undefined);
      throw error;
    }
    await this.alone(() => keep(session, volume, place, pieces, received));
  }

  /** Few at a time: each has a tail in memory. */
  private async alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.free += 1;
      else next();
    }
  }
}

function placeOf(session: UploadSession, at: number): PartPlace {
  const place = chunkPlaceOf(session, Math.floor(at / session.chunkSize));
  if (place === undefined) throw new Error(`the upload ${session.uid} has no byte ${at}`);
  return place;
}

/** Makes the part's tail longer, or the part whole. */
async function keep(
  session: UploadSession,
  { parts, tails }: BucketVolume,
  place: PartPlace,
  pieces: readonly Buffer[],
  received: ReceivedBytes,
): Promise<void> {
  if (pieces.length === 0) return;
  const { tail } = received.latest;
  const before = tail === null ? [] : [await tails.read(session.objectKey, tail)];
  const bytes = Buffer.concat([...before, ...pieces]);
  const through = place.offset + bytes.length;
  if (bytes.length < place.size) {
    const name = await tails.write(session.objectKey, bytes);
    await received.advance({ received: through, tail: name, parts: [] });
    return;
  }
  const signal = AbortSignal.timeout(KEEP_TIME);
  const tag = await parts.writePart(openUploadOf(session), place, Readable.from([bytes]), signal);
  const part = { index: place.index, tag };
  await received.advance({ received: through, tail: null, parts: [part] });
}
