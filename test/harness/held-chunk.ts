import { Readable } from 'node:stream';
import type { Api } from './api.js';
import type { Answer } from './http.js';
import type { Seed } from './seed.js';
import { tusPatch } from './tus.js';
import { until } from './until.js';

/** A body of which the rest is not sent before it is said. */
export interface HeldChunk {
  readonly answer: Promise<Answer>;
  go(): void;
}

/** @param at bytes that are sent at once */
export function holdChunk(
  api: Api,
  { uploadId }: { uploadId: string },
  index: number,
  bytes: Buffer,
  at = Math.floor(bytes.length / 2),
): HeldChunk {
  return hold(bytes, at, (body) =>
    api.send(`/api/v1/uploads/${uploadId}/chunks/${index}`, {
      method: 'PUT',
      body,
      headers: { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes.length },
      timeout: 60_000,
    }),
  );
}

/** A PATCH of tus, half of which is sent at once. */
export function holdPatch(api: Api, path: string, offset: number, bytes: Buffer): HeldChunk {
  return hold(bytes, Math.floor(bytes.length / 2), (body) =>
    tusPatch(api, path, offset, body, { 'Content-Length': bytes.length }),
  );
}

function hold(bytes: Buffer, at: number, send: (body: Readable) => Promise<Answer>): HeldChunk {
  const gate = Promise.withResolvers<undefined>();
  const body = Readable.from(
    (async function* () {
      yield bytes.subarray(0, at);
      await gate.promise;
      yield bytes.subarray(at);
    })(),
  );
  const answer = send(body);
  // Looked at later.
  answer.catch(() => undefined);
  return {
    answer,
    go: () => {
      gate.resolve(undefined);
    },
  };
}

/** Waits until so many parts of the upload are being written. */
export async function untilWriting(seed: Seed, { uploadId }: { uploadId: string }, count = 1): Promise<void> {
  const rows = await until(
    () =>
      seed.query(
        'SELECT 1 FROM upload_leases l JOIN upload_sessions s ON s.id = l.upload_id WHERE s.uid = $1 AND l.slot >= 0',
        [uploadId],
      ),
    (rows) => rows.length === count,
  );
  if (rows.length !== count) throw new Error(`${rows.length} chunks are being written, not ${count}`);
}
