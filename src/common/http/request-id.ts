import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

const SAFE = /^[A-Za-z0-9_-]{8,64}$/;

/**
 * The id under which one request appears in the answer, in our log and in nginx's. Our nginx always sends its own
 * `$request_id` in `X-Request-Id`; without nginx in front the header is the client's, so its form is checked.
 */
export function requestId(request: { headers: IncomingHttpHeaders } | IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && SAFE.test(given) ? given : randomUUID().replaceAll('-', '');
}
