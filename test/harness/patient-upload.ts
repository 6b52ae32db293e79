import { setTimeout as sleep } from 'node:timers/promises';
import type { Api, FileJson } from './api.js';
import type { Answer } from './http.js';
import {
  type Announcement,
  chunkOf,
  completeUpload,
  contentDigest,
  putChunk,
  type UploadJson,
} from './uploads.js';

/** What a client wants, and what it does at once. */
export interface Wish extends Announcement {
  /** Chunks on their way at the same time. */
  readonly parallel: number;
  /** In which order chunks are sent that are missing. */
  readonly order: (indexes: readonly number[]) => readonly number[];
  /** Milliseconds until it is given up. */
  readonly patience: number;
  /** To go on with. */
  readonly upload?: UploadJson;
}

/** The last answer that ends an upload: of a file, or a problem that asking again does not mend. */
export interface Outcome {
  readonly answer: Answer;
  readonly file: FileJson | undefined;
  /** How often it was begun anew. */
  readonly begun: number;
}

/**
 * Uploads as a client does that nothing makes give up: it asks what is there, sends what is missing, completes, and begins anew when the
 * upload is not known any more.
 * @param apis where its requests go, in turn; at least one
 */
export async function uploadPatiently(
  apis: readonly [Api, ...Api[]],
  bytes: Buffer,
  wish: Wish,
): Promise<Outcome> {
  const { parallel, order, patience, upload: known, ...announcement } = wish;
  const until = Date.now() + patience;
  let turn = 0;
  const api = (): Api => apis[(turn += 1) % apis.length] ?? apis[0];
  let begun = 0;
  let upload = known;
  let answered: Answer | undefined;
  let last = 'nothing was answered';
  /** Undefined: ask again. */
  const tried = async (request: Promise<Answer>): Promise<Answer | undefined> => {
    const answer = await request.catch((error: unknown) => void (last = String(error)));
    if (answer !== undefined) last = answer.text;
    return answer === undefined || isPassing(answer) ? undefined : answer;
  };
  while (Date.now() < until) {
    if (upload === undefined) {
      const answer = await tried(
        api().post('/api/v1/uploads', { filename: 'a.bin', size: bytes.length, ...announcement }),
      );
      if (answer !== undefined && answer.status !== 201) return { answer, file: undefined, begun };
      upload = answer?.json as UploadJson | undefined;
      if (answer !== undefined) begun += 1;
      answered = answer;
    } else {
      const answer = await tried(api().send(`/api/v1/uploads/${upload.uploadId}`));
      if (answer?.status === 404 || answer?.status === 410) upload = undefined;
      else if (answer?.status === 200) upload = answer.json as UploadJson;
      answered = answer;
    }
    if (upload === undefined) {
      await sleep(30);
      continue;
    }
    if (upload.file !== undefined && answered !== undefined)
      return { answer: answered, file: upload.file, begun };
    if (!(await putMissing(upload))) {
      await sleep(30);
      continue;
    }
    const answer = await tried(completeUpload(api(), upload));
    if (answer === undefined) await sleep(30);
    else if (answer.status === 200 || answer.status === 201)
      return { answer, file: answer.json as FileJson, begun };
    else if (answer.status === 404 || answer.status === 410) upload = undefined;
    else if (answer.status !== 409) return { answer, file: undefined, begun };
  }
  throw new Error(`the upload was not done in ${patience} ms: ${last}`);

  /** @returns whether all were taken */
  async function putMissing(upload: UploadJson): Promise<boolean> {
    const missing = [...Array(upload.chunkCount).keys()].filter((index) => !upload.received.includes(index));
    const queue = [...order(missing)];
    let whole = true;
    const sender = async () => {
      for (let index = queue.shift(); index !== undefined && whole; index = queue.shift()) {
        const chunk = chunkOf(bytes, upload, index);
        const headers = index % 2 === 0 ? { 'Content-Digest': contentDigest(chunk) } : {};
        const answer = await tried(putChunk(api(), upload, index, chunk, headers));
        if (answer?.status !== 204) whole = false;
      }
    };
    await Promise.all(Array.from({ length: parallel }, sender));
    return whole;
  }
}

/** Something is away, or somebody else is at it. */
function isPassing({ status }: Answer): boolean {
  return status === 408 || status === 429 || status === 502 || status === 503 || status === 504;
}
