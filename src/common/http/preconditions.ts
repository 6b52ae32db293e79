import type { IncomingHttpHeaders } from 'node:http';
import { parseHttpDate } from './http-date.js';
import { matchesTag } from './entity-tag.js';

/** What a representation is recognised by. */
export interface Validators {
  /** Strong entity tag, with its quotes. */
  readonly etag: string;
  /** Compared and sent in whole seconds. */
  readonly lastModified: Date;
  /** Strong tags, with their quotes, that other servers of the same bytes have sent for them: `If-Range` may name one. */
  readonly aliases?: readonly string[];
}

/** The conditional headers of a request (RFC 9110 §13.1), as they came. */
export interface ConditionalHeaders {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
  readonly ifModifiedSince?: string | undefined;
  readonly ifUnmodifiedSince?: string | undefined;
  readonly ifRange?: string | undefined;
}

export function conditionalHeaders(headers: IncomingHttpHeaders): ConditionalHeaders {
  return {
    ifMatch: headers['if-match'],
    ifNoneMatch: headers['if-none-match'],
    ifModifiedSince: headers['if-modified-since'],
    ifUnmodifiedSince: headers['if-unmodified-since'],
    ifRange: single(headers['if-range']),
  };
}

/** Judges the conditions of a GET or HEAD in the order of RFC 9110 §13.2.2, `If-Range` apart. */
export function judgePreconditions(
  conditions: ConditionalHeaders,
  validators: Validators,
): 'proceed' | 'not-modified' | 'failed' {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions;
  const modified = wholeSeconds(validators.lastModified);

  if (ifMatch !== undefined) {
    if (!matchesTag(ifMatch, validators.etag)) return 'failed';
  } else if (ifUnmodifiedSince !== undefined) {
    const date = parseHttpDate(ifUnmodifiedSince);
    if (date !== undefined && modified > wholeSeconds(date)) return 'failed';
  }

  if (ifNoneMatch !== undefined) {
    return matchesTag(ifNoneMatch, validators.etag, 'weak') ? 'not-modified' : 'proceed';
  }
  if (ifModifiedSince !== undefined) {
    const date = parseHttpDate(ifModifiedSince);
    if (date !== undefined && modified <= wholeSeconds(date)) return 'not-modified';
  }
  return 'proceed';
}

/**
 * Whether `Range` may be obeyed (RFC 9110 §13.1.5): without `If-Range` always; with it when the tag is ours and strong or an
 * alias of it, or the date is exactly ours.
 */
export function rangeApplies(ifRange: string | undefined, validators: Validators): boolean {
  if (ifRange === undefined) return true;
  const text = ifRange.trim();
  if (text.includes('"')) return text === validators.etag || (validators.aliases?.includes(text) ?? false);
  const date = parseHttpDate(text);
  return date !== undefined && wholeSeconds(date) === wholeSeconds(validators.lastModified);
}

function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1_000);
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
