import type { ClaimedDigest, DigestAlgorithm } from '../body-digest.js';
import { malformedHeader } from './tus-protocol.js';

/** By the names of tus: which digest it is, and its bytes. */
const ALGORITHMS: Readonly<Record<string, readonly [DigestAlgorithm, number]>> = {
  sha1: ['sha', 20],
  sha256: ['sha-256', 32],
  md5: ['md5', 16],
};

/** tus 1.0, "Tus-Checksum-Algorithm". */
export const TUS_CHECKSUMS = Object.keys(ALGORITHMS).join(',');

/**
 * `Upload-Checksum` (tus 1.0, "Checksum"): an algorithm and a base64 value.
 * @throws Problem `validation-failed` (400), also for an algorithm that is not offered
 */
export function checksumOf(header: string | string[] | undefined): ClaimedDigest | undefined {
  if (header === undefined) return undefined;
  const [name = '', base64 = '', ...more] = String(header).split(' ');
  const known = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
  if (known === undefined) throw malformedHeader('Upload-Checksum', `must be one of ${TUS_CHECKSUMS}`);
  const [algorithm, length] = known;
  const value = Buffer.from(base64, 'base64');
  if (more.length > 0 || value.length !== length || value.toString('base64') !== base64) {
    throw malformedHeader('Upload-Checksum', `${name} must be ${length} bytes in base64`);
  }
  return { algorithm, value };
}
