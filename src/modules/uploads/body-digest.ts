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

/** Takes the SHA-256 of a body that passes through, and what else its sender has claimed. */
export class BodyDigest {
  private readonly sha256 = createHash('sha256');
  private readonly others = new Map<DigestAlgorithm, Hash>();
  private checksum: number | undefined;
  /** Bytes. */
  length = 0;

  constructor(private readonly claimed: readonly ClaimedDigest[]) {
    for (const { algorithm } of claimed) {
      if (algorithm === 'crc32c') this.checksum = 0;
      else if (algorithm !== 'sha-256') this.others.set(algorithm, createHash(NODE_NAMES[algorithm]));
    }
  }

  update(bytes: Buffer): void {
    this.length += bytes.length;
    this.sha256.update(bytes);
    if (this.checksum !== undefined) this.checksum = crc32c(bytes, this.checksum);
    for (const hash of this.others.values()) hash.update(bytes);
  }

  /** Once. @returns the SHA-256, and the first claim that does not hold */
  end(): { readonly sha256: Buffer; readonly wrong: DigestAlgorithm | undefined } {
    const sha256 = this.sha256.digest();
    const wrong = this.claimed.find(({ algorithm, value }) => !value.equals(this.valueOf(algorithm, sha256)));
    return { sha256, wrong: wrong?.algorithm };
  }

  private valueOf(algorithm: DigestAlgorithm, sha256: Buffer): Buffer {
    if (algorithm === 'sha-256') return sha256;
    if (algorithm !== 'crc32c') return this.others.get(algorithm)?.digest() ?? Buffer.alloc(0);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.checksum ?? 0);
    return bytes;
  }
}
