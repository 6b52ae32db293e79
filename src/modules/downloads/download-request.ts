import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { bigIntId, clientAddress, conditionalHeaders } from '../../common/http/index.js';
import type { DeliveryRequest } from '../storage/index.js';

/** A GET or HEAD of a download, as far as the answer depends on it. */
export interface DownloadRequest {
  readonly fileId: string;
  /** For its credentials. */
  readonly http: FastifyRequest;
  readonly delivery: DeliveryRequest;
  readonly address: string;
  readonly userAgent: string;
  readonly cookies: string | undefined;
  /** Whether nobody has asked for it yet (https://wicg.github.io/nav-speculation, `Sec-Purpose`; older: `Purpose`). */
  readonly isPrefetch: boolean;
  readonly response: ServerResponse;
}

/** Browsers, curl and the usual libraries drop `Authorization` at another origin; these two keep it. */
const SENDS_CREDENTIALS_ON = /^(?:Wget|aria2)\//;

const PREFETCH = /(?:^|[\s,;])prefetch\b/i;

/** @throws Problem `validation-failed` (400) for what is no id */
export function downloadRequest(http: FastifyRequest, reply: FastifyReply): DownloadRequest {
  const { headers, method, raw } = http;
  // RFC 9110 §14.2: Range means something with GET only. It is not a list header (§5.3): two of them say nothing, and
  // nginx would read the first alone.
  const sent = method === 'GET' && headers.range !== undefined ? (raw.headersDistinct.range?.length ?? 0) : 0;
  const userAgent = headers['user-agent'] ?? '';
  return {
    fileId: bigIntId((http.params as { readonly fileId: unknown }).fileId),
    http,
    delivery: {
      ...conditionalHeaders(headers),
      head: method === 'HEAD',
      range: sent === 1 ? headers.range : undefined,
      rangeIgnored: sent > 1,
      sendsCredentialsOn: headers.authorization !== undefined && SENDS_CREDENTIALS_ON.test(userAgent),
    },
    address: clientAddress(http),
    userAgent,
    cookies: headers.cookie,
    isPrefetch: PREFETCH.test(`${String(headers['sec-purpose'] ?? '')} ${String(headers.purpose ?? '')}`),
    response: reply.raw,
  };
}
