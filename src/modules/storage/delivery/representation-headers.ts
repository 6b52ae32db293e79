import { attachment } from './content-disposition.js';
import type { Representation } from './representation.js';

/** Headers of 200, 206 and 304 alike (RFC 9110 §15.4.5). */
export function validatorHeaders(representation: Representation): Record<string, string> {
  return {
    ETag: representation.etag,
    'Last-Modified': representation.lastModified.toUTCString(),
    ...cachingHeaders(representation),
  };
}

const known = new WeakMap<Representation, Readonly<Record<string, string>>>();

/** Headers of 200 and 206; made once for a representation, which never changes. */
export function representationHeaders(representation: Representation): Readonly<Record<string, string>> {
  const before = known.get(representation);
  if (before !== undefined) return before;
  const headers = makeHeaders(representation);
  known.set(representation, headers);
  return headers;
}

function makeHeaders(representation: Representation): Record<string, string> {
  return {
    ...validatorHeaders(representation),
    'Accept-Ranges': 'bytes',
    'Content-Type': representation.contentType,
    'Content-Disposition': attachment(representation.filename),
    // RFC 9530 §3: the digest of the whole representation, for 206 too.
    'Repr-Digest': `sha-256=:${Buffer.from(representation.sha256, 'hex').toString('base64')}:`,
  };
}

/** RULES 5.5. `no-cache` makes a cache ask us each time: rights may have been taken back. */
function cachingHeaders(representation: Representation): Record<string, string> {
  return { 'Cache-Control': representation.public ? 'public, no-cache' : 'private, no-cache' };
}
