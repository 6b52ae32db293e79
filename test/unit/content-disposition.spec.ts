import { parse } from 'content-disposition';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachment } from '../../src/modules/storage/delivery/content-disposition.js';

describe('attachment (RFC 6266, RFC 8187)', () => {
  it.each([
    ['plain.txt', 'attachment; filename=plain.txt'],
    ['with space.txt', 'attachment; filename="with space.txt"'],
    [
      'отчёт 100% "final".bin',
      `attachment; filename="_____ 100_ _final_.bin"; filename*=UTF-8''%D0%BE%D1%82%D1%87%D1%91%D1%82%20100%25%20%22final%22.bin`,
    ],
    ['€ 💶.pdf', `attachment; filename="_ _.pdf"; filename*=UTF-8''%E2%82%AC%20%F0%9F%92%B6.pdf`],
    ['a;b=c.txt', 'attachment; filename="a;b=c.txt"'],
  ])('%s', (name, header) => {
    expect(attachment(name)).toBe(header);
  });

  it.each([
    ['photo\u202egpj.exe', 'photogpj.exe'],
    ['a\r\nSet-Cookie: x=1.txt', 'a__Set-Cookie: x=1.txt'],
    ['../../etc/passwd', '.._.._etc_passwd'],
    ['C:\\temp\\x', 'C:_temp_x'],
    ['', 'download'],
    ['\u200e', 'download'],
  ])('what no header or file system should see is taken out of %j', (name, shown) => {
    expect(parse(attachment(name)).parameters.filename).toBe(shown);
  });

  it('stays well-formed and gives every name of Unicode back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 255 }), (name) => {
        const header = attachment(name);
        // field-vchar and space only: nothing that ends a header or is read in another charset (RFC 9110 §5.5).
        expect(header).toMatch(
          /^attachment; filename=("[\x20-\x7e]*"|[\w!#$&+.^`|~'*-]+)(; filename\*=UTF-8''[\w!#$&+.^`|~%-]+)?$/,
        );
        const expected = name
          .toWellFormed()
          // eslint-disable-next-line no-control-regex -- the same classes, written the plain way
          .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029/\\]/g, '_')
          .replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '');
        if (expected.trim() !== '') expect(parse(header).parameters.filename).toBe(expected);
      }),
      { numRuns: 5_000 },
    );
  });
});
