import type { Delivery } from './delivery.js';
import { contentRange } from './multipart-ranges.js';

/**
 * What nginx is told for `accel-s3`: where, which range, and what the store's answer must say of itself. One that says anything
 * else is not passed on (deploy/nginx/store.js).
 */
export function proxyHeaders({
  internalPath,
  range,
  representation: { size },
}: Extract<Delivery, { mode: 'accel-s3' }>): Record<string, string> {
  return {
    'X-Accel-Redirect': internalPath,
    'X-Store-Length': String(range === undefined ? size : range.last - range.first + 1),
    ...(range && {
      'X-Store-Range': `bytes=${range.first}-${range.last}`,
      'X-Store-Content-Range': contentRange(range, size),
    }),
  };
}
