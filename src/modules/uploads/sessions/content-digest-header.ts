import { parseDictionary } from 'structured-headers';
import { Problem, validationFailed } from '../../../common/problems/index.js';
import type { ClaimedDigest, DigestAlgorithm } from '../body-digest.js';

/** Bytes of the digests that we can check. Deprecated ones are of no use against anybody, but tell an accident. */
const LENGTHS: Readonly<Record<string, number>> = { 'sha-256': 32, 'sha-512': 64, crc32c: 4 };

/** RFC 9530 §4. */
export const WANTED_DIGESTS = 'sha-256=10, sha-512=5, crc32c=1';

/**
 * `Content-Digest` (RFC 9530 §2): a dictionary of byte sequences. None is no claim; of several, all that we know are to hold.
 * @throws Problem `validation-failed` (400), also when we know none of them: who sends a digest wants it to be checked
 */
export function claimedDigests(header: string | string[] | undefined): readonly ClaimedDigest[] {
  if (header === undefined) return [];
  const claimed: ClaimedDigest[] = [];
  for (const [algorithm, value] of entriesOf(String(header))) {
    const length = LENGTHS[algorithm];
    if (length === undefined) continue;
    if (value?.length !== length)
      throw malformed(`${algorithm} must be a byte sequence of ${length} bytes (":" base64 ":")`);
    claimed.push({ algorithm: algorithm as DigestAlgorithm, value });
  }
  if (claimed.length === 0) throw malformed('names no digest that can be checked here');
  return claimed;
}

function entriesOf(header: string): [string, Buffer | undefined][] {
  try {
    return [...parseDictionary(header)].map(([name, [value]]) => [
      name,
      value instanceof ArrayBuffer ? Buffer.from(value) : undefined,
    ]);
  } catch {
    throw malformed('must be a dictionary of byte sequences: sha-256=:…:');
  }
}

function malformed(message: string): Problem {
  return new Problem(validationFailed, {
    errors: [{ field: 'Content-Digest', message }],
    headers: { 'Want-Content-Digest': WANTED_DIGESTS },
  });
}
