import { setTimeout as sleep } from 'node:timers/promises';
import type { Api, FileJson } from './api.js';
import type { Answer } from './http.js';
import type { Outcome } from './patient-upload.js';
import { tusMetadata, tusPatch, tusRequest } from './tus.js';

/** What a client of tus sends, and for how long it does not give up. */
export interface TusWish {
  /** Bytes of one PATCH. */
  readonly pieceSize: number;
  readonly sha256?: string;
  /** Milliseconds. */
  readonly patience: number;
}

/** Uploads by tus as its clients do: it asks how far it has come, sends on from there, and begins anew when the upload is not known any more. */
export async function uploadByTusPatiently(api: Api, bytes: Buffer, wish: TusWish): Promise<Outcome> {
  const until = Date.now() + wish.patience;
  const metadata = { filename: 'a.bin', ...(wish.sha256 !== undefined && { sha256: wish.sha256 }) };
  let begun = 0;
  let path: string | undefined;
  let last = 'nothing was answered';
  const tried = async (request: Promise<Answer>): Promise<Answer | undefined> => {
    const answer = await request.catch((error: unknown) => void (last = String(error)));
    if (answer !== undefined) last = `${answer.status} ${answer.text}`;
    return answer;
  };
  while (Date.now() < until) {
    if (path === undefined) {
      const headers = { 'Upload-Length': bytes.length, 'Upload-Metadata': tusMetadata(metadata) };
      const answer = await tried(tusRequest(api, 'POST', '/api/v1/tus', headers));
      path = answer?.status === 201 ? answer.headers.location : undefined;
      if (path !== undefined) begun += 1;
    } else {
      const found = await tried(tusRequest(api, 'HEAD', path));
      if (found?.status === 404 || found?.status === 410) path = undefined;
      const answer = found?.status === 200 && path !== undefined ? await sent(path, found) : undefined;
      if (answer?.status === 422) return { answer, file: undefined, begun };
      const id = answer?.headers['x-file-id'];
      const file = typeof id === 'string' ? await tried(api.send(`/api/v1/files/${id}`)) : undefined;
      if (answer !== undefined && file?.status === 200) return { answer, file: file.json as FileJson, begun };
    }
    await sleep(30);
  }
  throw new Error(`the upload was not done in ${wish.patience} ms: ${last}`);

  /** @returns the last answer, be it the one that said how far it has come */
  async function sent(path: string, found: Answer): Promise<Answer | undefined> {
    let latest = found;
    for (let offset = Number(found.headers['upload-offset']); offset < bytes.length;) {
      const piece = bytes.subarray(offset, offset + wish.pieceSize);
      const answer = await tried(tusPatch(api, path, offset, piece));
      if (answer?.status !== 204) return answer;
      latest = answer;
      offset += piece.length;
    }
    return latest;
  }
}
