import { createHash, type Hash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';

/** A digest of a body as its sender has it. */
export interface ClaimedDigest {
  readonly algorithm: DigestAlgorithm;
  readonly value: Buffer;
}

/** By the names of the IANA registry "Hash Algorithms for HTTP Digest Fields" (RFC 9530 §5); tus says `sha256` for `sha-256`. */
export type DigestAlgorithm = 'sha-256' | 'sha-512' | 'sha' | 'md5' | 'crc32c';

const NODE_NAMES = { 'sha-256': 'sha256', 'sha-512': 'sha512', sha: 'sha1', md5: 'md5' } as const;

/** Checks what the sender of a body has claimed of it while it passes through. */
export class BodyDigest {
  private readonly hashes = new Map<DigestAlgorithm, Hash>();
  private checksum: number | undefined;

  constructor(private readonly claimed: readonly ClaimedDigest[]) {
    for (const { algorithm } of claimed) {
      if (algorithm === 'crc32c') this.checksum = 0;
      else this.hashes.set(algorithm, createHash(NODE_NAMES[algorithm]));
    }
  }

  update(bytes: Buffer): void {
    if (this.checksum !== undefined) this.checksum = crc32c(bytes, this.checksum);
    for (const hash of this.hashes.values()) hash.update(bytes);
  }

  /** Once. @returns the first claim that does not hold */
  wrong(): DigestAlgorithm | undefined {
    return this.claimed.find(({ algorithm, value }) => !value.equals(this.valueOf(algorithm)))?.algorithm;
  }

  private valueOf(algorithm: DigestAlgorithm): Buffer {
    if (algorithm !== 'crc32c') return this.hashes.get(algorithm)?.digest() ?? Buffer.alloc(0);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.checksum ?? 0);
    return bytes;
  }
}
