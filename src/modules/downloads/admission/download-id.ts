import { hash } from 'node:crypto';
import { ALL_BUCKETS } from '../../../common/redis/index.js';

/** `07` and 132 bits in base64url: where in Redis a logical download is kept can be told from its id. */
const FORM = /^(\d{2})[A-Za-z0-9_-]{22}$/;

/**
 * The id of the logical download that a client knows by a cookie. It tells nothing of the cookie, and nobody else comes to it.
 * @param tag hash tag of the subject, such as `{b07}`
 * @param cookie 128 random bits
 * @param content which content of which file
 */
export function downloadId(tag: string, subject: string, cookie: string, content: string): string {
  return tag.slice(2, 4) + hash('sha256', `${subject}\n${cookie}\n${content}`, 'base64url').slice(0, 22);
}

/** @returns undefined for what is no id of ours */
export function tagOfDownload(id: string): string | undefined {
  return ALL_BUCKETS[Number(FORM.exec(id)?.[1] ?? NaN)];
}
