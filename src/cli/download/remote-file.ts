import { UsageError } from '../failures.js';
import type { Service } from '../service.js';
import { filenameOf } from './content-disposition.js';

/** A file as `HEAD` of its download describes it: that costs nothing, and links allow it too. */
export interface RemoteFile {
  /** Path and query at the service; the query may hold a token. */
  readonly path: string;
  /** Any text. */
  readonly filename: string;
  readonly size: number;
  /** Strong: for `If-Range` (RFC 9110 §13.1.5). */
  readonly etag: string;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** @param source an id, or the URL of a download, which may be a link. @returns the path at the service, and its origin if it says one */
export function downloadOf(source: string): { readonly path: string; readonly origin?: string } {
  if (/^\d{1,19}$/.test(source)) return { path: `/download/${source}` };
  let url: URL;
  try {
    url = new URL(source);
  } catch {
    throw new UsageError('What to download is said by the id of a file or by the URL of a download.');
  }
  if (!/^https?:$/.test(url.protocol) || !/^\/download\/\d{1,19}$/.test(url.pathname))
    throw new UsageError('That URL is not of a download: it ends with /download/ and the id of a file.');
  return { path: url.pathname + url.search, origin: url.origin };
}

/** @throws Refusal, or Failure when this is no such service */
export async function describe(service: Service, path: string): Promise<RemoteFile> {
  const { headers } = await service.send(path, { method: 'HEAD' });
  const etag = headers.get('ETag');
  const length = headers.get('Content-Length');
  const [, digest] = /(?:^|[\s,])sha-256=:([A-Za-z0-9+/]{43}=):/.exec(headers.get('Repr-Digest') ?? '') ?? [];
  if (etag === null || length === null || digest === undefined || !/^\d+$/.test(length))
    throw service.isNoService();
  return {
    path,
    filename: filenameOf(headers.get('Content-Disposition') ?? ''),
    size: Number(length),
    etag,
    sha256: Buffer.from(digest, 'base64').toString('hex'),
  };
}
