import { describe, expect, it } from 'vitest';
import {
  type ConditionalHeaders,
  judgePreconditions,
  rangeApplies,
} from '../../src/common/http/preconditions.js';

const OURS = { etag: '"abc"', lastModified: new Date('2026-11-21T10:00:00.700Z') };
const SAME = 'Sat, 21 Nov 2026 10:00:00 GMT';
const EARLIER = 'Sat, 21 Nov 2026 09:59:59 GMT';
const LATER = 'Sat, 21 Nov 2026 10:00:01 GMT';

describe('judgePreconditions (RFC 9110 §13.2.2)', () => {
  it.each<[ConditionalHeaders, string]>([
    [{}, 'proceed'],
    [{ ifNoneMatch: '"abc"' }, 'not-modified'],
    [{ ifNoneMatch: 'W/"abc"' }, 'not-modified'],
    [{ ifNoneMatch: '"x", W/"abc"' }, 'not-modified'],
    [{ ifNoneMatch: ',, "x" ,"abc"' }, 'not-modified'],
    [{ ifNoneMatch: '"a,b", "abc"' }, 'not-modified'],
    [{ ifNoneMatch: '*' }, 'not-modified'],
    [{ ifNoneMatch: '"x"' }, 'proceed'],
    [{ ifNoneMatch: '"x,"abc""' }, 'proceed'],
    [{ ifNoneMatch: 'abc' }, 'proceed'],
    [{ ifNoneMatch: '' }, 'proceed'],
    // If-None-Match wins over If-Modified-Since, both ways.
    [{ ifNoneMatch: '"x"', ifModifiedSince: LATER }, 'proceed'],
    [{ ifNoneMatch: '"abc"', ifModifiedSince: EARLIER }, 'not-modified'],
    [{ ifModifiedSince: SAME }, 'not-modified'],
    [{ ifModifiedSince: LATER }, 'not-modified'],
    [{ ifModifiedSince: EARLIER }, 'proceed'],
    [{ ifModifiedSince: 'Saturday, 21-Nov-26 10:00:00 GMT' }, 'not-modified'],
    [{ ifModifiedSince: 'Sat Nov 21 10:00:00 2026' }, 'not-modified'],
    [{ ifModifiedSince: 'yesterday' }, 'proceed'],
    [{ ifModifiedSince: '2026-11-21T10:00:00Z' }, 'proceed'],
    [{ ifMatch: '"abc"' }, 'proceed'],
    [{ ifMatch: '*' }, 'proceed'],
    [{ ifMatch: '"x", "abc"' }, 'proceed'],
    [{ ifMatch: 'W/"abc"' }, 'failed'],
    [{ ifMatch: '"x"' }, 'failed'],
    [{ ifMatch: '' }, 'failed'],
    [{ ifUnmodifiedSince: SAME }, 'proceed'],
    [{ ifUnmodifiedSince: LATER }, 'proceed'],
    [{ ifUnmodifiedSince: EARLIER }, 'failed'],
    [{ ifUnmodifiedSince: 'never' }, 'proceed'],
    // If-Match wins over If-Unmodified-Since; a failed one over If-None-Match.
    [{ ifMatch: '"abc"', ifUnmodifiedSince: EARLIER }, 'proceed'],
    [{ ifMatch: '"x"', ifNoneMatch: '"abc"' }, 'failed'],
    [{ ifMatch: '"abc"', ifNoneMatch: '"abc"' }, 'not-modified'],
  ])('%j: %s', (headers, expected) => {
    expect(judgePreconditions(headers, OURS)).toBe(expected);
  });
});

describe('rangeApplies (RFC 9110 §13.1.5)', () => {
  it.each<[string | undefined, boolean]>([
    [undefined, true],
    ['"abc"', true],
    ['W/"abc"', false],
    ['"x"', false],
    ['"abc", "x"', false],
    [SAME, true],
    [EARLIER, false],
    [LATER, false],
    ['', false],
    ['*', false],
  ])('%s: %s', (ifRange, expected) => {
    expect(rangeApplies(ifRange, OURS)).toBe(expected);
  });
});
