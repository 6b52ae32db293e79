import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filenameOf } from '../../src/cli/download/content-disposition.js';
import { lengthOf, shareOut } from '../../src/cli/download/spans.js';
import { printable } from '../../src/cli/printable.js';
import { Progress } from '../../src/cli/progress.js';
import { inBytes, inTime, parseBytes, parseDuration } from '../../src/cli/quantities.js';
import { withinBytes } from '../../src/cli/within-bytes.js';
import { attachment } from '../../src/modules/storage/delivery/content-disposition.js';

describe('filenameOf', () => {
  it.each([
    ['attachment; filename=a.bin', 'a.bin'],
    ['attachment; filename="a \\"b\\" c.bin"', 'a "b" c.bin'],
    [`attachment; filename="_.bin"; filename*=UTF-8''%D1%84.bin`, 'ф.bin'],
    [`attachment; filename="safe.bin"; filename*=UTF-8''%ZZ`, 'safe.bin'],
    ['attachment; filename="../../etc/passwd"', 'passwd'],
    ['attachment; filename="..\\\\..\\\\boot.ini"', 'boot.ini'],
    [`attachment; filename*=UTF-8''..`, 'download'],
    [`attachment; filename*=UTF-8''a%00b`, 'a_b'],
    ['attachment', 'download'],
    ['', 'download'],
  ])('%s', (header, name) => {
    expect(filenameOf(header)).toBe(name);
  });

  it('reads back every name that the service writes, and never more than a name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (name) => {
        const read = filenameOf(attachment(name));
        expect(read).not.toMatch(/[/\0]/);
        expect(['', '.', '..']).not.toContain(read);
      }),
    );
    expect(filenameOf(attachment('отчёт 100% "final" 🚀.bin'))).toBe('отчёт 100% "final" 🚀.bin');
  });
});

it('spans: shared out, they are the same bytes, cut at whole pieces', () => {
  const unit = 1_000;
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 50 }), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 16 }),
      (lengths, connections) => {
        let at = 0;
        const spans = lengths.map((pieces) => {
          const span = { first: at, last: at + (pieces + 1) * unit - 1 };
          at = span.last + 1 + unit;
          return span;
        });
        const shared = shareOut(spans, connections, unit);
        const total = (all: typeof shared): number => all.reduce((sum, span) => sum + lengthOf(span), 0);
        expect(total(shared)).toBe(total(spans));
        expect(shared.every(({ first, last }) => first % unit === 0 && last >= first)).toBe(true);
        const most = spans.reduce((sum, span) => sum + lengthOf(span) / unit, 0);
        expect(shared.length).toBeGreaterThanOrEqual(Math.min(spans.length, connections));
        expect(shared.length).toBeLessThanOrEqual(Math.max(spans.length, Math.min(connections, most)));
      },
    ),
  );
  expect(shareOut([{ first: 0, last: 9_999 }], 4, unit)).toHaveLength(4);
  expect(shareOut([], 4, unit)).toEqual([]);
});

it.each([
  ['5242880', 5_242_880],
  ['5M', 5_242_880],
  ['5 MiB', 5_242_880],
  ['64mb', 67_108_864],
  ['1g', 1_073_741_824],
  ['', undefined],
  ['5x', undefined],
  ['-5', undefined],
  ['0x10', undefined],
])('size %s', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

it.each([
  ['300', 300],
  ['5m', 300],
  ['12h', 43_200],
  ['7d', 604_800],
  ['', undefined],
  ['1w', undefined],
  ['1.5h', undefined],
])('time %s', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

it('quantities as people read them', () => {
  expect([0, 1_023, 1_024, 5.1 * 2 ** 20, 3 * 2 ** 50].map(inBytes)).toEqual([
    '0 bytes',
    '1023 bytes',
    '1.0 KiB',
    '5.1 MiB',
    '3072.0 TiB',
  ]);
  expect([0.2, 59, 61, 3_723, Infinity].map(inTime)).toEqual(['1 s', '59 s', '1:01', '1:02:03', '…']);
});

it('what comes from elsewhere moves nothing on a terminal', () => {
  expect(printable('a\u001b[2Jb\r\nc\u202egpj.exe\ud800')).toBe(
    'a\ufffd[2Jb\ufffd\ufffdc\ufffdgpj.exe\ufffd',
  );
});

it('names are cut between characters', () => {
  expect(withinBytes('ab', 5)).toBe('ab');
  expect(withinBytes('фффф', 5)).toBe('фф');
  expect(withinBytes('a🚀', 4)).toBe('a');
});

it('progress fits in the window, however narrow', () => {
  for (const columns of [0, 1, 20, 40, 80, 200]) {
    const written: string[] = [];
    const progress = new Progress({ isTTY: true, columns, write: (text) => written.push(text) });
    progress.start('a'.repeat(300), 5 * 2 ** 30, 2 ** 30);
    progress.add(2 ** 30);
    progress.stop();
    const lines = written.join('').split('\r\u001b[K').slice(1);
    expect(lines).toHaveLength(2);
    for (const line of lines)
      expect(line.trimEnd().length).toBeLessThan(columns === 0 ? 80 : Math.max(2, columns));
  }
});
