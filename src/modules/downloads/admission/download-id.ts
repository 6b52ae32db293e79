import { hash } from 'node:crypto';
import { ALL_BUCKETS } from '../../../common/redis/index.js';

/** `07` and 132 bits in base64url: where in Redis a logical download is kept can be told from its id. */
const FORM = /^(\d{2})[A-Za-z0-9_-]{22}$/;

/**
 * The id of the logical download that a client knows by a cookie.
 * @param tag hash tag of its subject, such as `{b07}`
 * @param cookie its name, 22 characters
 * @param content which content of which file
 */
export function downloadId(tag: string, cookie: string, content: string): string {
  return tag.slice(2, 4) + hash('sha256', `${cookie}\n${content}`, 'base64url').slice(0, 22);
}

/** @returns undefined for what is no id of ours */
export function tagOfDownload(id: string): string | undefined {
  return ALL_BUCKETS[Number(FORM.exec(id)?.[1] ?? NaN)];
}
