import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { ContentTypePolicy, MEDIA_TYPE } from '../../src/modules/file-meta/index.js';
import { SAMPLE_LENGTH, TypeDetection } from '../../src/modules/uploads/limits/type-detection.js';

/** Beginnings of files by what they are. */
const SAMPLES = {
  'image/png': Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=',
    'base64',
  ),
  'image/gif': Buffer.from('GIF89a\x01\x00\x01\x00', 'latin1'),
  'image/jpeg': Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex'),
  'application/pdf': Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1'),
  'application/zip': Buffer.concat([Buffer.from('PK\x03\x04\x14\x00', 'latin1'), Buffer.alloc(60)]),
  'application/gzip': gzipSync('some text'),
  'application/x-msdownload': Buffer.concat([Buffer.from('MZ\x90\x00', 'latin1'), Buffer.alloc(500)]),
  'application/x-elf': Buffer.concat([Buffer.from('\x7fELF\x02\x01\x01', 'latin1'), Buffer.alloc(100)]),
  'application/xml': Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'),
} as const;

/** Numbers by which the parsers know what they walk through: chunks, boxes, tags, directories. */
const MAGIC = [
  ...Object.values(SAMPLES),
  ...[
    '3026b2758e66cf11a6d900aa0062ce6c', // ASF, whose objects once made the parser run for ever
    '1a45dfa3', // EBML
    '4f676753', // Ogg
    '52494646ffffffff57454250', // RIFF
    '0000001866747970', // ISO base media
    '494433030000', // ID3
    '49492a0008000000', // TIFF
    '4d4d002a00000008',
    '504b0304', // ZIP
    '504b0506',
    'd0cf11e0a1b11ae1', // compound file
    '7573746172', // tar
    '89504e470d0a1a0a0000000049484452', // PNG with a chunk of nothing
    '664c614300000000', // FLAC
    '0000000c6a5020200d0a870a', // JPEG 2000
  ].map((hex) => Buffer.from(hex, 'hex')),
];

describe('detectType', () => {
  const none = { allowedTypes: [], deniedTypes: [] };
  const policy = new ContentTypePolicy(none as never);
  const detection = new TypeDetection(policy);
  afterAll(() => detection.onApplicationShutdown());

  it.each(Object.entries(SAMPLES))('%s', async (type, bytes) => {
    expect(await detection.detectType(bytes)).toBe(type);
    // The same in the middle of a buffer that is used for other things.
    const around = Buffer.concat([randomBytes(100), bytes, Buffer.alloc(5_000)]);
    expect(await detection.detectType(around.subarray(100))).toBe(type);
  });

  it.each([
    ['nothing', ''],
    ['text', 'Dear all, please find below what we have agreed upon.'],
    ['Unicode', 'Привет, мир'],
    ['HTML', '<!doctype html><html><body><script>alert(1)</script></body></html>'],
    ['JSON', '{"a": [1, 2, 3]}'],
    ['CSV', 'a;b\n1;2\n'],
    ['a script', '#!/bin/sh\nrm -rf /\n'],
  ])('%s looks like nothing', async (_, text) => {
    expect(await detection.detectType(Buffer.from(text))).toBeUndefined();
  });

  it(`looks at ${SAMPLE_LENGTH} bytes and no more: what comes behind them changes nothing`, async () => {
    const tar = Buffer.alloc(SAMPLE_LENGTH + 600, 0x20);
    tar.set(Buffer.from('PK\x03\x04', 'latin1'), SAMPLE_LENGTH);
    expect(await detection.detectType(tar)).toBeUndefined();
    const png = Buffer.concat([SAMPLES['image/png'], Buffer.alloc(20 * 2 ** 20)]);
    expect(await detection.detectType(png)).toBe('image/png');
  });

  it('many at once are told apart', async () => {
    const all = Array.from({ length: 20 }, () => Object.entries(SAMPLES)).flat();
    const types = await Promise.all(all.map(([, bytes]) => detection.detectType(bytes)));
    expect(types).toEqual(all.map(([type]) => type));
  });

  it('hostile, cut off and mixed contents: an answer in time, a media type or nothing, whatever they are', async () => {
    const piece = fc.oneof(
      fc.constantFrom(...MAGIC),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      // Lengths and offsets that a parser follows: nothing, itself, far away, negative.
      fc.constantFrom(
        Buffer.alloc(4),
        Buffer.alloc(8),
        Buffer.alloc(8, 0xff),
        Buffer.from('7fffffff', 'hex'),
        Buffer.from('80000000', 'hex'),
        Buffer.from('00000001', 'hex'),
      ),
    );
    const content = fc
      .tuple(fc.array(piece, { minLength: 1, maxLength: 30 }), fc.nat(SAMPLE_LENGTH))
      .map(([pieces, length]) => Buffer.concat(pieces).subarray(0, length));
    let slowest = 0;
    await fc.assert(
      fc.asyncProperty(content, async (bytes) => {
        const since = performance.now();
        const type = await detection.detectType(bytes);
        slowest = Math.max(slowest, performance.now() - since);
        if (type !== undefined) expect(type).toMatch(MEDIA_TYPE);
      }),
      { numRuns: 3_000 },
    );
    // Much less than the time after which it would have been given up: nothing was.
    expect(slowest).toBeLessThan(1_500);
  }, 60_000);
});

describe('ContentTypePolicy', () => {
  const policy = (allowedTypes: string[], deniedTypes: string[] = []) =>
    new ContentTypePolicy({ allowedTypes, deniedTypes } as never);
  const verdict = (of: ContentTypePolicy, claimed: string, detected?: string): string => {
    try {
      of.judge(claimed, detected);
      return 'taken';
    } catch (error) {
      return (error as Error).message;
    }
  };

  it.each<[string[], string[], string, string | undefined, string]>([
    [[], [], 'image/png', 'application/x-elf', 'taken'],
    [['image/*'], [], 'image/png', undefined, 'taken'],
    [['image/*'], [], 'image/png', 'image/jpeg', 'taken'],
    [['image/*'], [], 'imagex/png', undefined, 'Files of type imagex/png are not taken.'],
    [['image/*'], [], 'application/pdf', undefined, 'Files of type application/pdf are not taken.'],
    [
      ['image/*'],
      [],
      'image/png',
      'application/pdf',
      'The content looks like application/pdf, which is not taken.',
    ],
    [['image/*', 'application/pdf'], [], 'application/pdf', 'application/pdf', 'taken'],
    [['application/pdf'], [], 'application/pdfx', undefined, 'Files of type application/pdfx are not taken.'],
    [
      ['image/*'],
      ['image/svg+xml'],
      'image/svg+xml',
      undefined,
      'Files of type image/svg+xml are not taken.',
    ],
    [[], ['application/x-elf'], 'text/plain', undefined, 'taken'],
    [
      [],
      ['application/x-elf'],
      'text/plain',
      'application/x-elf',
      'The content looks like application/x-elf, which is not taken.',
    ],
    [['video/mp4'], ['video/*'], 'video/mp4', undefined, 'Files of type video/mp4 are not taken.'],
  ])('allowed %j, denied %j: %s that looks like %s: %s', (allowed, denied, claimed, detected, expected) => {
    expect(verdict(policy(allowed, denied), claimed, detected)).toBe(expected);
  });
});
