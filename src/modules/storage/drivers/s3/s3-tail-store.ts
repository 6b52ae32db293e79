import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { S3Volume } from '../../../../common/config/config.js';
import type { ObjectKey } from '../../object-key.js';
import { TailStore } from '../../tail-store.js';
import { putObject } from './new-object.js';
import { translated } from './object-errors.js';
import { S3Client } from './s3-client.js';
import { listedKeys } from './s3-documents.js';
import { uriEncode } from './signature-v4.js';

/** Between the name of an object and what is its tail's own: no key of ours has a point in it. */
const TAIL_MARK = '.tail-';

/** Tails as small objects beside the one that they are to be part of. */
export class S3TailStore extends TailStore {
  private readonly client: S3Client;

  constructor(private readonly volume: S3Volume) {
    super();
    this.client = new S3Client(volume);
  }

  override async write(key: ObjectKey, bytes: Buffer): Promise<string> {
    const name = randomBytes(16).toString('hex');
    // A random name is new: there is nothing to ask, and nothing to be refused.
    const object = { name: this.nameOf(key, name), condition: {}, requireNew: () => Promise.resolve() };
    await translated(putObject(this.client, object, bytes));
    return name;
  }

  override async read(key: ObjectKey, name: string): Promise<Buffer> {
    const request = { method: 'GET', key: this.nameOf(key, name), expect: [200], idempotent: true } as const;
    return translated(this.client.open(request).then(({ body }) => buffer(body)));
  }

  override async remove(key: ObjectKey, name: string): Promise<void> {
    await translated(this.delete(this.nameOf(key, name)));
  }

  override async clear(key: ObjectKey): Promise<void> {
    const names = await translated(tailsOf(this.client, this.volume.prefix + key));
    for (const name of names) await translated(this.delete(name));
  }

  private async delete(name: string): Promise<void> {
    await this.client.ask({ method: 'DELETE', key: name, expect: [200, 204, 404], idempotent: true });
  }

  private nameOf(key: ObjectKey, name: string): string {
    return this.volume.prefix + key + TAIL_MARK + name;
  }
}

/**
 * An upload leaves one tail and, after crashes, some more: they fit in one page.
 * @param name of the object, prefix included
 * @returns the names of its tails
 */
export async function tailsOf(client: S3Client, name: string): Promise<string[]> {
  const { body } = await client.ask({
    method: 'GET',
    query: `list-type=2&prefix=${uriEncode(name + TAIL_MARK)}`,
    expect: [200],
    idempotent: true,
  });
  return listedKeys(body);
}
