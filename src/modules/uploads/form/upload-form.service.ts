import type { MultipartFile, MultipartValue } from '@fastify/multipart';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { UploadConfig } from '../../../common/config/config.js';
import { watchBody } from '../../../common/http/index.js';
import { payloadTooLarge, Problem } from '../../../common/problems/index.js';
import type { UserPrincipal } from '../../auth/index.js';
import {
  BlobWriter,
  ContentTypePolicy,
  FilePublisher,
  PendingObjects,
  type Room,
  StorageQuota,
  type StoredContent,
  type StoredFile,
  VISIBILITIES,
  type Visibility,
} from '../../file-meta/index.js';
import { Volumes } from '../../storage/index.js';
import { BODY_PACE } from '../body-pace.js';
import { lookingAtFirstBytes } from '../limits/first-bytes.js';
import { TypeDetection } from '../limits/type-detection.js';
import { malformedForm, notMultipart } from '../uploads.problems.js';
import { storedContentType } from '../content-type.js';
import { storedFilename } from './filename.js';
import { chosenVolume } from '../chosen-volume.js';
import { formProblem } from './form-problem.js';

/** Bytes that boundaries, part headers and fields may add to a file. */
const FORM_OVERHEAD = 64 * 1024;

type Part = MultipartFile | MultipartValue;

interface ReceivedFile {
  readonly filename: string;
  readonly contentType: string;
  readonly blob: StoredContent;
}

/** `POST /files`: one file in a multipart form, for small uploads. */
@Injectable()
export class UploadFormService {
  constructor(
    private readonly config: UploadConfig,
    private readonly blobs: BlobWriter,
    private readonly pending: PendingObjects,
    private readonly files: FilePublisher,
    private readonly volumes: Volumes,
    private readonly quota: StorageQuota,
    private readonly types: ContentTypePolicy,
    private readonly detection: TypeDetection,
  ) {}

  /**
   * @throws Problem `unsupported-media-type` (415), `content-type-not-allowed` (415), `payload-too-large` (413), `validation-failed`
   * (400), `forbidden` (403), `request-timeout` (408), `quota-exceeded` (507), `insufficient-storage` (507); then nothing is left behind
   */
  async receive(request: FastifyRequest, owner: UserPrincipal): Promise<StoredFile> {
    if (!request.isMultipart()) throw notMultipart();
    const maxBytes = this.config.maxSize + FORM_OVERHEAD;
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw this.tooLarge();
    const room = await this.roomFor(request, owner);
    return watchBody(request, { ...BODY_PACE, maxBytes }, async (signal) => {
      const form = new ReceivedForm();
      try {
        for await (const part of this.parts(request, room)) await this.take(part, form, owner, signal);
        // Only now has the closing boundary been seen: a body that was cut off never becomes a file.
        signal.throwIfAborted();
        if (!request.raw.complete) throw malformedForm('file', 'is followed by a body that was cut off');
        return await this.publish(form, owner);
      } catch (error) {
        if (form.file !== undefined) await this.pending.discard(form.file.blob);
        throw isTooLarge(error)
          ? (room?.refusal(this.config.maxSize) ?? this.tooLarge())
          : (formProblem(error) ?? error);
      }
    });
  }

  /**
   * The room that there is for the file, unless it is as good as nothing: then it is found out when the file is there.
   * @throws Problem `quota-exceeded` (507)
   */
  private async roomFor(request: FastifyRequest, owner: UserPrincipal): Promise<Room | undefined> {
    const length = request.headers['content-length'];
    const least = Number(length ?? 0) - FORM_OVERHEAD;
    if (length !== undefined && least <= 0) return undefined;
    const room = await this.quota.room(owner);
    const refusal = room.refusal(Math.max(least, 0));
    if (refusal !== undefined) throw refusal;
    return room;
  }

  private parts(request: FastifyRequest, room: Room | undefined): AsyncIterableIterator<Part> {
    return request.parts({
      limits: {
        // What is more than there is room for need not be stored first.
        fileSize: Math.min(this.config.maxSize, room?.bytes ?? Infinity),
        files: 2,
        fields: 4,
        fieldSize: 1_024,
        fieldNameSize: 100,
        headerPairs: 20,
      },
    }) as AsyncIterableIterator<Part>;
  }

  private async take(
    part: Part,
    form: ReceivedForm,
    owner: UserPrincipal,
    signal: AbortSignal,
  ): Promise<void> {
    if (form.file !== undefined) throw malformedForm(part.fieldname, 'must not come after the file');
    if (part.type === 'field') {
      this.takeField(part, form, owner);
      return;
    }
    if (part.fieldname !== 'file')
      throw malformedForm(part.fieldname, 'is not a part of this form: send "file"');
    const filename = storedFilename(part.filename);
    const contentType = storedContentType(part.mimetype);
    this.types.judge(contentType);
    let detectedType: string | undefined;
    const judged = lookingAtFirstBytes(part.file, async (firstBytes) => {
      detectedType = await this.detection.detectType(firstBytes);
      this.types.judge(contentType, detectedType);
    });
    const volume = form.volume ?? this.volumes.default.name;
    const blob = await this.blobs.write(owner.tenantId, volume, judged, signal);
    form.file = { filename, contentType, blob: { ...blob, detectedType } };
  }

  private takeField(part: MultipartValue, form: ReceivedForm, owner: UserPrincipal): void {
    const { fieldname: field, value } = part;
    if (field !== 'visibility' && field !== 'volume')
      throw malformedForm(field, 'is not a field of this form');
    if (form[field] !== undefined) throw malformedForm(field, 'must not come twice');
    if (field === 'visibility') form.visibility = readVisibility(value);
    else form.volume = chosenVolume(value, owner, this.volumes) ?? this.volumes.default.name;
  }

  private async publish(
    { file, visibility = 'private' }: ReceivedForm,
    owner: UserPrincipal,
  ): Promise<StoredFile> {
    if (file === undefined) throw malformedForm('file', 'is missing');
    const { filename, contentType, blob } = file;
    const stored = await this.files.publish({ owner, filename, contentType, visibility, content: blob });
    // The tenant had this content already: the copy that has just come in is not needed.
    if (stored.objectKey !== blob.objectKey) await this.pending.discard(blob);
    return stored;
  }

  private tooLarge(): Problem {
    return new Problem(payloadTooLarge, { detail: `A file may have at most ${this.config.maxSize} bytes.` });
  }
}

/** What has come in of a form so far. */
class ReceivedForm {
  visibility: Visibility | undefined;
  /** Its name; undefined: the default one. */
  volume: string | undefined;
  file: ReceivedFile | undefined;
}

function readVisibility(value: unknown): Visibility {
  const found = VISIBILITIES.find((visibility) => visibility === value);
  if (found === undefined) throw malformedForm('visibility', `must be one of ${VISIBILITIES.join(', ')}`);
  return found;
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'FST_REQ_FILE_TOO_LARGE';
}
