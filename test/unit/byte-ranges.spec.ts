import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_RANGES, selectRanges } from '../../src/common/http/byte-ranges.js';

const WHOLE = { kind: 'whole' };
const UNSATISFIABLE = { kind: 'unsatisfiable' };
const ranges = (...list: [number, number][]) => ({
  kind: 'ranges',
  ranges: list.map(([first, last]) => ({ first, last })),
});

describe('selectRanges (RFC 9110 §14)', () => {
  it.each([
    ['bytes=0-0', ranges([0, 0])],
    ['bytes=0-99', ranges([0, 99])],
    ['bytes=0-', ranges([0, 99])],
    ['bytes=99-', ranges([99, 99])],
    ['bytes=-1', ranges([99, 99])],
    ['bytes=-100', ranges([0, 99])],
    ['bytes=-9999', ranges([0, 99])],
    ['bytes=50-9999', ranges([50, 99])],
    ['BYTES=1-2', ranges([1, 2])],
    ['bytes=0-1, 3-4', ranges([0, 1], [3, 4])],
    ['bytes=0-1,\t3-4 ', ranges([0, 1], [3, 4])],
    ['bytes=3-4,0-1', ranges([3, 4], [0, 1])],
    ['bytes=0-1,200-300', ranges([0, 1])],
    ['bytes=0-10,5-15', ranges([0, 10], [5, 15])],
    ['bytes=,0-1,,3-4,', ranges([0, 1], [3, 4])],
    ['bytes=0-99999999999999999999999999', ranges([0, 99])],
    ['bytes=000000000000000000000000000000-1', ranges([0, 1])],
  ])('%s of 100 bytes', (header, expected) => {
    expect(selectRanges(header, 100)).toEqual(expected);
  });

  it.each(['bytes=100-', 'bytes=100-200', 'bytes=-0', 'bytes=9223372036854775808-', 'bytes=100-,-0'])(
    '%s of 100 bytes: nothing to send',
    (header) => {
      expect(selectRanges(header, 100)).toEqual(UNSATISFIABLE);
    },
  );

  it.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=a-b',
    'bytes=5-3',
    'bytes=0-1,5-3',
    'bytes=-1-2',
    'bytes=--1',
    'bytes=1',
    'bytes=0x1-2',
    'bytes=1-2;3-4',
    'bytes =0-1',
    ' bytes=0-1',
    'bytes=0- 1',
    'items=0-1',
    'bytes=0-99,0-0',
    'bytes=0-60,40-99',
  ])('%s: the header is ignored', (header) => {
    expect(selectRanges(header, 100)).toEqual(WHOLE);
  });

  it.each(['bytes=0-', 'bytes=0-0', 'bytes=-1', 'bytes=5-'])('%s of an empty file: ignored', (header) => {
    expect(selectRanges(header, 0)).toEqual(WHOLE);
  });

  it('ignores a request for more ranges than are worth their cost', () => {
    const list = (count: number) => Array.from({ length: count }, (_, at) => `${at * 2}-${at * 2}`).join(',');
    expect(selectRanges(`bytes=${list(MAX_RANGES)}`, 1_000)).toMatchObject({ kind: 'ranges' });
    expect(selectRanges(`bytes=${list(MAX_RANGES + 1)}`, 1_000)).toEqual(WHOLE);
    expect(selectRanges(`bytes=${list(10_000)}`, 1_000_000)).toEqual(WHOLE);
  });

  it('takes linear time, whatever the white space', () => {
    const since = performance.now();
    for (const space of ['\t', ' ']) {
      for (let round = 0; round < 100; round += 1) selectRanges(`bytes=0${space.repeat(8_000)}-1`, 100);
    }
    expect(performance.now() - since).toBeLessThan(1_000);
  });

  it('agrees with picking the positions one by one', () => {
    const spec = fc.oneof(
      fc.tuple(fc.nat(40), fc.nat(40)).map(([from, to]) => ({ text: `${from}-${to}`, from, to })),
      fc.nat(40).map((from) => ({ text: `${from}-`, from, to: Infinity })),
      fc.nat(40).map((suffix) => ({ text: `-${suffix}`, suffix })),
    );
    fc.assert(
      fc.property(
        fc.array(spec, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 30 }),
        (specs, size) => {
          const positions = Array.from({ length: size }, (_, at) => at);
          const picked = specs.map((item) =>
            positions.filter((at) =>
              'suffix' in item ? at >= size - item.suffix : at >= item.from && at <= item.to,
            ),
          );
          const impossible = specs.some((item) => 'from' in item && item.to < item.from);
          const selected = selectRanges(`bytes=${specs.map(({ text }) => text).join(',')}`, size);
          const lists = picked.filter((list) => list.length > 0);
          if (impossible || lists.flat().length > size) expect(selected).toEqual(WHOLE);
          else if (lists.length === 0) expect(selected).toEqual(UNSATISFIABLE);
          else
            expect(selected).toEqual(
              ranges(...lists.map((list): [number, number] => [list[0] ?? -1, list.at(-1) ?? -1])),
            );
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('never throws, and never selects a byte outside the file', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.nat(1_000), (text, size) => {
        for (const header of [text, `bytes=${text}`, `bytes=${text.replace(/[^\d,-]/g, '')}`]) {
          const selected = selectRanges(header, size);
          if (selected.kind !== 'ranges') continue;
          for (const { first, last } of selected.ranges) {
            expect(first).toBeGreaterThanOrEqual(0);
            expect(last).toBeGreaterThanOrEqual(first);
            expect(last).toBeLessThan(size);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
