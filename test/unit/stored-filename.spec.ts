import { describe, expect, it } from 'vitest';
import { storedContentType } from '../../src/modules/uploads/content-type.js';
import { storedFilename } from '../../src/modules/uploads/form/filename.js';

describe('storedFilename', () => {
  it.each([
    ['report.pdf', 'report.pdf'],
    ['отчёт 100% %22final%22.bin', 'отчёт 100% "final".bin'],
    ['100%25.txt', '100%25.txt'],
    ['../../etc/passwd', 'passwd'],
    ['..\\..\\boot.ini', 'boot.ini'],
    ['C:\\Users\\x\\a.doc', 'a.doc'],
    ['/a.doc', 'a.doc'],
    ['.hidden', '.hidden'],
    ['💶'.repeat(255), '💶'.repeat(255)],
  ])('%s is kept as %s', (sent, kept) => {
    expect(storedFilename(sent)).toBe(kept);
  });

  it.each(['', '.', '..', 'dir/', 'a/..', 'a\0b', 'a\nb', 'a%0D%0Ab', 'x'.repeat(256), '💶'.repeat(256)])(
    'refuses %j',
    (sent) => {
      expect(() => storedFilename(sent)).toThrow(
        expect.objectContaining({ kind: expect.objectContaining({ status: 400 }) as unknown }),
      );
    },
  );
});

describe('storedContentType', () => {
  it.each([
    ['text/plain', 'text/plain'],
    ['Text/HTML; charset=utf-8', 'text/html'],
    ['application/vnd.api+json', 'application/vnd.api+json'],
    [undefined, 'application/octet-stream'],
    ['', 'application/octet-stream'],
    ['text', 'application/octet-stream'],
    ['text/plain\r\nX: 1', 'application/octet-stream'],
    ['text/<b>', 'application/octet-stream'],
  ])('%s is kept as %s', (sent, kept) => {
    expect(storedContentType(sent)).toBe(kept);
  });
});
