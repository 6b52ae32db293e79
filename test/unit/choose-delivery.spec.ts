import { describe, expect, it } from 'vitest';
import { LocalObjectStore } from '../../src/modules/storage/drivers/local-object-store.js';
import { chooseDelivery, type DeliveryRequest } from '../../src/modules/storage/index.js';
import { objectKey } from '../../src/modules/storage/object-key.js';

const REPRESENTATION = {
  etag: '"abc"',
  lastModified: new Date('2026-11-21T10:00:00Z'),
  filename: 'a.bin',
  contentType: 'application/octet-stream',
  size: 100,
  sha256: '0'.repeat(64),
  public: false,
};
const KEY = objectKey(`1/ab/${'c'.repeat(30)}`);

function choose(request: DeliveryRequest, delivery: 'accel' | 'stream' = 'accel') {
  const store = new LocalObjectStore('/nowhere');
  const volume = { driver: 'fs', name: 'local', delivery, store } as const;
  return chooseDelivery(request, REPRESENTATION, { volume, key: KEY });
}

describe('chooseDelivery', () => {
  it.each<[string, DeliveryRequest, string]>([
    ['no Range', {}, 'whole'],
    ['one range', { range: 'bytes=0-9' }, 'ranged'],
    ['several', { range: 'bytes=0-9, 20-29,-5' }, 'ranged'],
    ['a malformed Range', { range: 'bytes=9-0' }, 'whole'],
    ['another unit', { range: 'lines=1-2' }, 'whole'],
    ['If-Range of ours', { range: 'bytes=0-9', ifRange: '"abc"' }, 'ranged'],
    ['If-Range of another', { range: 'bytes=0-9', ifRange: '"x"' }, 'whole'],
    ['If-None-Match of another', { ifNoneMatch: '"x"' }, 'whole'],
  ])('%s: accel, %s', (_name, request, way) => {
    expect(choose(request)).toMatchObject({ mode: 'accel', internalPath: `/_accel/local/${way}/${KEY}` });
  });

  it.each<[string, DeliveryRequest]>([
    ['If-Match, which nginx would judge by its own tag', { ifMatch: '"abc"' }],
    ['If-Unmodified-Since', { ifUnmodifiedSince: 'Sat, 21 Nov 2026 10:00:00 GMT' }],
    ['positions of 19 digits', { range: 'bytes=0-9999999999999999999' }],
    ['empty list elements', { range: 'bytes=0-1,,3-4' }],
    ['a tab in the list', { range: 'bytes=0-1,\t3-4' }],
  ])('what nginx reads differently is streamed: %s', (_name, request) => {
    expect(choose(request)).toMatchObject({ mode: 'stream' });
  });

  it('streams on a volume without nginx', () => {
    expect(choose({ range: 'bytes=0-9' }, 'stream')).toMatchObject({
      mode: 'stream',
      selection: { kind: 'ranges' },
    });
  });

  it.each<[DeliveryRequest, number]>([
    [{ ifMatch: '"x"' }, 412],
    [{ range: 'bytes=100-' }, 416],
    [{ range: 'bytes=100-', ifRange: '"abc"' }, 416],
  ])('refuses %j with %i', (request, status) => {
    expect(() => choose(request)).toThrow(
      expect.objectContaining({ kind: expect.objectContaining({ status }) as unknown }),
    );
  });

  it('knows when the client has it already', () => {
    expect(choose({ ifNoneMatch: '"abc"', range: 'bytes=100-' })).toMatchObject({ mode: 'not-modified' });
  });
});
