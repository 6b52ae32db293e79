import { xxh3 } from '@node-rs/xxhash';

/**
 * Tells whether a chunk that comes again has the bytes that it had (XXH3, 64 bits): a twelfth of the work of a SHA-256. Who makes two chunks of
 * the same fingerprint deceives himself: the first one stays, and what is published is read as a whole.
 */
export class Fingerprint {
  private readonly hash = xxh3.Xxh3.withSeed();

  update(bytes: Buffer): void {
    this.hash.update(bytes);
  }

  /** @returns 8 bytes */
  value(): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(this.hash.digest());
    return bytes;
  }
}
