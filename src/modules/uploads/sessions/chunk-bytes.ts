import { Problem, validationFailed } from '../../../common/problems/index.js';
import type { PartPlace } from '../../storage/index.js';
import { BodyDigest, type ClaimedDigest } from '../body-digest.js';
import { digestMismatch } from '../uploads.problems.js';
import { Fingerprint } from './fingerprint.js';

/** The bytes of a chunk, as they pass: whether they are as many as they should be, and what their sender says of them. */
export class ChunkBytes {
  private readonly digest: BodyDigest;
  private readonly fingerprint = new Fingerprint();
  private length = 0;

  constructor(
    private readonly place: PartPlace,
    claimed: readonly ClaimedDigest[],
  ) {
    this.digest = new BodyDigest(claimed);
  }

  update(bytes: Buffer): void {
    this.length += bytes.length;
    this.fingerprint.update(bytes);
    this.digest.update(bytes);
  }

  /**
   * Once all have come.
   * @returns their fingerprint
   * @throws Problem `validation-failed` (400), `digest-mismatch` (422)
   */
  check(): Buffer {
    const { index, size } = this.place;
    if (this.length !== size) throw wrongLength(index, size);
    const wrong = this.digest.wrong();
    if (wrong !== undefined)
      throw digestMismatch(`Chunk ${index} does not have the ${wrong} of Content-Digest.`);
    return this.fingerprint.value();
  }
}

/** What is told of a chunk that has fewer or more bytes than its place; `size` in bytes. */
export function wrongLength(index: number, size: number): Problem {
  return new Problem(validationFailed, { detail: `Chunk ${index} has ${size} bytes.` });
}
