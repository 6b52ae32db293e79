import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAccessLogLine } from '../../src/modules/downloads/transfers/access-log-line.js';

const MEMBERS = {
  time: '2026-11-21T23:22:39+01:00',
  instance: '6a857a9a74594c158d909fd82b45031d',
  requestId: '6ed4713065fa610a11ee800fa08ccf24',
  downloadId: 'dl-1',
  ip: '127.0.0.1',
  method: 'GET',
  path: '/download/1',
  status: 206,
  bytes: 10,
  seconds: 0.005,
  range: 'bytes=10-19',
  contentRange: 'bytes 10-19/1000',
  completion: 'OK',
  upstreamStatus: '200 : 206',
  upstreamSeconds: '0.001 : 0.004',
};
const written = (members: object): string => JSON.stringify({ ...MEMBERS, ...members });
const LINE = written({});

const READ = {
  instance: MEMBERS.instance,
  requestId: MEMBERS.requestId,
  downloadId: 'dl-1',
  path: '/download/1',
  status: 206,
  bytes: 10,
  contentRange: 'bytes 10-19/1000',
  completed: true,
  upstreamStatus: 206,
  askedStore: true,
  seconds: 0.005,
  time: new Date('2026-11-21T22:22:39Z'),
};

describe('a line of the access log', () => {
  it('is read', () => {
    expect(parseAccessLogLine(LINE)).toEqual(READ);
  });

  it('what nginx leaves empty is not there', () => {
    const line = written({ downloadId: '', contentRange: '', completion: '', upstreamStatus: '', status: 0 });
    expect(parseAccessLogLine(line)).toEqual({
      ...READ,
      downloadId: undefined,
      contentRange: undefined,
      completed: false,
      upstreamStatus: undefined,
      askedStore: false,
      status: 0,
    });
  });

  it.each([
    ['200', 200],
    ['502, 200', 200],
    ['200 : 502, 503', 503],
    ['200 : -', undefined],
    ['-', undefined],
  ])('of the upstream statuses %s the last counts', (upstreamStatus, last) => {
    const line = parseAccessLogLine(written({ upstreamStatus }));
    expect(line?.upstreamStatus).toBe(last);
    expect(line?.askedStore).toBe(upstreamStatus.includes(' : '));
  });

  it('runs on behind what a full disk has cut off', () => {
    for (let length = 0; length < LINE.length; length += 1) {
      expect(parseAccessLogLine(LINE.slice(0, length) + LINE), String(length)).toEqual(READ);
    }
  });

  it('nothing that a client writes begins a line', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constant(LINE), fc.constant('{"time":"')), (path) => {
        expect(parseAccessLogLine(written({ path }))?.path).toBe(path);
      }),
    );
  });

  it.each([
    ['nothing', ''],
    ['no JSON', 'GET / HTTP/1.1'],
    ['another list', '["time"]'],
    ['null', 'null'],
    ['no time', LINE.replace(MEMBERS.time, '')],
    ['a time that is none', written({ time: 'yesterday' })],
    ['no instance', written({ instance: '' })],
    ['a number as the instance', written({ instance: 1 })],
    ['no request', written({ requestId: undefined })],
    ['no path', written({ path: undefined })],
    ['a status as a text', written({ status: '200' })],
    ['part of a status', written({ status: 20.5 })],
    ['fewer bytes than none', written({ bytes: -1 })],
    ['more bytes than can be counted', written({ bytes: 2 ** 60 })],
    ['no seconds', written({ seconds: null })],
    ['something behind it', `${LINE}x`],
  ])('%s is no line', (_, text) => {
    expect(parseAccessLogLine(text)).toBeUndefined();
  });

  it('no part of a line is one', () => {
    for (let length = 0; length < LINE.length; length += 1) {
      expect(parseAccessLogLine(LINE.slice(0, length))).toBeUndefined();
    }
  });

  it('whatever stands there, it is read or it is not: never an exception', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.object({ key: fc.constantFrom(...Object.keys(MEMBERS)) }).map((members) => written(members)),
      fc.record({ at: fc.nat(LINE.length), text: fc.string() }).map(({ at, text }) => {
        return LINE.slice(0, at) + text + LINE.slice(at + 1);
      }),
    );
    fc.assert(
      fc.property(anything, (text) => {
        const line = parseAccessLogLine(text);
        if (line === undefined) return;
        expect(line.bytes).toBeGreaterThanOrEqual(0);
        expect(line.instance).not.toBe('');
        expect(line.time.getTime()).not.toBeNaN();
      }),
      { numRuns: 5_000 },
    );
  });
});
