import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/index.js';
import { FileAccess, type StoredFile } from '../file-meta/index.js';
import {
  chooseDelivery,
  contentMissing,
  type Delivery,
  type DeliveryRequest,
  ObjectNotFound,
  type Representation,
  type Volume,
  Volumes,
} from '../storage/index.js';

/** The main job: who asks, may they, and how do the bytes get there. */
@Injectable()
export class DownloadsService {
  constructor(
    private readonly files: FileAccess,
    private readonly volumes: Volumes,
  ) {}

  /**
   * @throws Problem of `FileAccess.open` (401, 403, 404, 410) and of `chooseDelivery` (412, 416)
   */
  async open(fileId: string, caller: Principal, request: DeliveryRequest): Promise<Delivery> {
    const file = await this.files.open(fileId, caller, 'download');
    const volume = this.volumes.get(file.volume);
    const delivery = chooseDelivery(request, representationOf(file), { volume, key: file.objectKey });
    // A redirect needs no network: what is wrong with the object then, the store says itself.
    if (delivery.mode !== 'not-modified' && delivery.mode !== 'redirect') await requireContent(file, volume);
    return delivery;
  }
}

/**
 * Before any header is out, and for HEAD too: a blob that was lost or cut behind our back must not be sent, whole or in part,
 * under the tag of what it was.
 * @throws Problem `content-missing` (502)
 */
async function requireContent(file: StoredFile, { store }: Volume): Promise<void> {
  const size = await store.size(file.objectKey).catch((error: unknown) => {
    throw error instanceof ObjectNotFound ? contentMissing(error) : error;
  });
  if (size !== file.size) {
    throw contentMissing(
      new Error(`${file.volume}/${file.objectKey} has ${size} bytes instead of ${file.size}`),
    );
  }
}

/** Of the files that are kept in memory while their versions hold: a hot file's headers are made once. */
const representations = new WeakMap<StoredFile, Representation>();

/**
 * The validators are ours in every mode, from the content's hash and the file's birth: the content of a file never
 * changes, so a download resumes on any replica, from any copy.
 */
function representationOf(file: StoredFile): Representation {
  const known = representations.get(file);
  if (known !== undefined) return known;
  const representation = {
    etag: `"${file.sha256}"`,
    lastModified: file.createdAt,
    filename: file.filename,
    contentType: file.contentType,
    size: file.size,
    sha256: file.sha256,
    public: file.visibility === 'public',
    aliases: file.storeTags,
  };
  representations.set(file, representation);
  return representation;
}
