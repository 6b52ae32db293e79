import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Differs, FileChanged } from '../failures.js';
import type { Progress } from '../progress.js';
import { type FileJson, Refusal, type Service } from '../service.js';
import { sendChunks, throughTheService } from './send-chunks.js';
import { SourceFile } from './source-file.js';
import { straightToTheStore } from './straight-to-the-store.js';
import type { UploadJson } from './upload-session.js';
import { UploadState } from './upload-state.js';

export interface UploadOptions {
  /** Undefined: as the file is called. */
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly visibility?: string | undefined;
  readonly volume?: string | undefined;
  /** Bytes. */
  readonly chunkSize?: number | undefined;
  /** Chunks on their way at once. */
  readonly parallel: number;
  readonly direct: boolean;
  /** Whether the SHA-256 is taken first, however long that takes: content that the service has is then not sent at all. */
  readonly sha256: boolean;
}

/** Up to so many bytes the SHA-256 is taken first in any case: it takes less than a second. */
const CHEAP = 256 * 2 ** 20;

/** How often an upload may begin anew because the service no longer knows of it. */
const BEGINNINGS = 3;

/** Milliseconds between two looks at a file that the service verifies. */
const LOOK_EVERY = 1_000;

/** Uploads a file, or the rest of it. @returns the file that it has become, whose SHA-256 is the one that was taken here */
export async function uploadFile(
  service: Service,
  path: string,
  options: UploadOptions,
  environment: Readonly<Record<string, string | undefined>>,
  progress: Progress,
): Promise<FileJson> {
  const source = await SourceFile.open(path);
  try {
    return await new FileUpload(service, source, options, environment, progress).run();
  } finally {
    progress.stop();
    await source.close();
  }
}

class FileUpload {
  private readonly filename: string;
  private readonly state: UploadState;
  private sha256: string | undefined;

  constructor(
    private readonly service: Service,
    private readonly source: SourceFile,
    private readonly options: UploadOptions,
    environment: Readonly<Record<string, string | undefined>>,
    private readonly progress: Progress,
  ) {
    this.filename = options.name ?? basename(source.path);
    const { type, visibility, volume, chunkSize, direct } = options;
    this.state = new UploadState(
      {
        server: service.url.origin,
        path: source.path,
        options: { filename: this.filename, type, visibility, volume, chunkSize, direct },
      },
      environment,
    );
  }

  async run(): Promise<FileJson> {
    for (let beginning = 1; ; beginning += 1) {
      const upload = (await this.resume()) ?? (await this.begin());
      try {
        return await this.finish(upload);
      } catch (error) {
        if (error instanceof FileChanged) await this.abandon(upload.uploadId);
        if (!isGone(error) || beginning === BEGINNINGS) throw error;
        await this.abandon(upload.uploadId);
        this.progress.say('The service no longer has what was sent; the upload begins anew.');
      }
    }
  }

  /** @returns the upload that an earlier run has begun, when it is of this content and the service still knows of it */
  private async resume(): Promise<UploadJson | undefined> {
    const saved = await this.state.load();
    if (saved === undefined) return undefined;
    if (saved.size !== this.source.size || saved.mtime !== String(this.source.mtime)) {
      this.progress.say(`${this.filename} has changed since its upload was begun; the upload begins anew.`);
      await this.abandon(saved.uploadId);
      return undefined;
    }
    try {
      const upload = await this.service.json<UploadJson>(`/api/v1/uploads/${saved.uploadId}`);
      if (upload.status === 'failed') throw new Refusal(410, 'upload-expired', 'It has failed.');
      this.sha256 = saved.sha256;
      this.progress.say(
        `${this.filename}: ${upload.received.length} of ${upload.chunkCount} chunks are there; its upload goes on.`,
      );
      return upload;
    } catch (error) {
      if (!isGone(error)) throw error;
      this.progress.say(`The upload of ${this.filename} that was begun has expired; the upload begins anew.`);
      await this.state.forget();
      return undefined;
    }
  }

  private async begin(): Promise<UploadJson> {
    const { source, filename, progress, options } = this;
    if (this.sha256 === undefined && (options.sha256 || source.size <= CHEAP)) {
      if (source.size > CHEAP) progress.start(`Reading ${filename}`, source.size);
      this.sha256 = await source.sha256((count) => {
        progress.add(count);
      }, this.service.patience.signal);
      progress.stop();
    }
    const { type, visibility, volume, chunkSize, direct } = options;
    const upload = await this.service.json<UploadJson>('/api/v1/uploads', {
      method: 'POST',
      repeatable: false,
      json: {
        filename,
        size: source.size,
        contentType: type,
        sha256: this.sha256,
        visibility,
        chunkSize,
        volume,
        ...(direct && { direct }),
      },
    });
    if (upload.file === undefined) {
      const { uploadId } = upload;
      await this.state.save({
        uploadId,
        size: source.size,
        mtime: String(source.mtime),
        sha256: this.sha256,
      });
    }
    return upload;
  }

  private async finish(upload: UploadJson): Promise<FileJson> {
    const known = upload.file ?? (await this.prove(upload));
    if (known !== undefined)
      this.progress.say(`${this.filename}: the service has it; nothing is left to send.`);
    const file = known ?? (await this.send(upload));
    const sha256 = this.sha256 ?? (await this.source.sha256(() => undefined, this.service.patience.signal));
    if (file.sha256 !== sha256) {
      throw new Differs(
        `The service has a file ${file.id} of SHA-256 ${file.sha256}, and here it is ${sha256}.`,
      );
    }
    await this.state.forget();
    return file;
  }

  /** Content that the service has is not sent: whoever can answer questions about it has it too. */
  private async prove({ uploadId, challenge }: UploadJson): Promise<FileJson | undefined> {
    if (challenge === undefined) return undefined;
    const digest = await this.source.proof(challenge.nonce, challenge.ranges);
    try {
      const path = `/api/v1/uploads/${uploadId}/proof`;
      return await this.service.json<FileJson>(path, { method: 'POST', json: { digest } });
    } catch (error) {
      // Refused, or too late: it is sent then.
      if (error instanceof Refusal && !isGone(error)) return undefined;
      throw error;
    }
  }

  private async send(upload: UploadJson): Promise<FileJson> {
    const { service, source, progress, options, filename } = this;
    const { uploadId, chunkSize, received, status } = upload;
    // What came through the service is completed by who asks for it: here again, should a crash have cut that off.
    if (status === 'verifying' && options.direct) return this.verified(uploadId);
    const there = received.reduce(
      (sum, index) => sum + Math.min(chunkSize, source.size - index * chunkSize),
      0,
    );
    progress.start(filename, source.size, there);
    this.sha256 = await sendChunks(
      { service, source, upload, parallel: options.parallel, progress },
      options.direct ? straightToTheStore(upload) : throughTheService(uploadId),
      this.sha256,
    );
    progress.stop();
    await source.assertUnchanged();
    const answer = await service.send(`/api/v1/uploads/${uploadId}/complete`, { method: 'POST' });
    return answer.status === 202 ? await this.verified(uploadId) : ((await answer.json()) as FileJson);
  }

  /** The service reads what went straight to the store before it publishes it. */
  private async verified(uploadId: string): Promise<FileJson> {
    const { signal } = this.service.patience;
    for (;;) {
      const { status, file } = await this.service.json<UploadJson>(`/api/v1/uploads/${uploadId}`);
      if (file !== undefined) return file;
      if (status !== 'verifying') throw new Differs('What has arrived at the store is not the file.');
      await sleep(LOOK_EVERY, undefined, { signal });
    }
  }

  private async abandon(uploadId: string): Promise<void> {
    await this.state.forget();
    // What is left is swept by the service in its time.
    await this.service.send(`/api/v1/uploads/${uploadId}`, { method: 'DELETE' }).catch(() => undefined);
  }
}

/** What the service says of an upload that it has forgotten, that has bytes of another file in it, or whose file has been deleted. */
const GONE = ['upload-not-found', 'upload-expired', 'chunk-differs', 'file-gone', 'file-not-found'];

function isGone(error: unknown): boolean {
  return error instanceof Refusal && GONE.includes(error.code);
}
