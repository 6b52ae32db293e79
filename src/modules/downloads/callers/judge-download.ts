import { forbidden, holdsPermission } from '../../auth/index.js';
import { decide, type FileWithGrants, judge, type StoredFile } from '../../file-meta/index.js';
import { ipNotAllowed, tokenInvalid } from '../downloads.problems.js';
import type { Caller } from './caller.js';

/**
 * Whether the caller may download the file now. A token is worth what its minter's right is worth at each use: who may no longer
 * mint one has none that opens anything (RULES 1.7).
 * @param found the file with the grants that concern `caller.principal`
 * @throws Problem of `judge` (401, 403, 404, 410); `forbidden` (403) for API keys without the scope; for tokens `token-invalid`, `ip-not-allowed` (403)
 */
export function judgeDownload(
  fileId: string,
  { principal, token }: Caller,
  found: FileWithGrants | undefined,
  address: string,
): StoredFile {
  const now = new Date();
  if (!holdsPermission(principal, 'download')) throw forbidden('The API key lacks the scope download.');
  if (token === undefined) return judge(found, principal, 'download', now).file;
  if (token.fileId !== fileId) throw tokenInvalid('it is for another file');
  if (found === undefined) throw tokenInvalid('its minter sees no such file');
  const mayMint = decide(principal, found.file, found.grants, 'manage', now);
  if (mayMint !== 'allowed' && mayMint !== 'gone') throw tokenInvalid('its minter may no longer give it');
  if (token.allowedIps?.include(address) === false) throw ipNotAllowed();
  return judge(found, principal, 'download', now).file;
}
