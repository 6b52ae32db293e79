import { describe, expect, it } from 'vitest';
import {
  completedTag,
  completion,
  errorOf,
  incompleteUploads,
  listedParts,
  nextPartMarker,
  uploadIdOf,
  uploadsPage,
} from '../../src/modules/storage/drivers/s3/s3-documents.js';
import { refusal, StoreAway } from '../../src/modules/storage/drivers/s3/store-problems.js';

const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';

describe('documents of S3', () => {
  it.each([
    [
      'with a namespace',
      `<?xml version="1.0"?><InitiateMultipartUploadResult ${NAMESPACE}><UploadId>a&amp;b</UploadId></InitiateMultipartUploadResult>`,
    ],
    [
      'with a prefix',
      '<s3:InitiateMultipartUploadResult><s3:UploadId>a&amp;b</s3:UploadId></s3:InitiateMultipartUploadResult>',
    ],
  ])('an upload id %s', (_, xml) => {
    expect(uploadIdOf(xml)).toBe('a&b');
  });

  it.each(['', '<html>hello</html>', '<UploadId></UploadId>', '<UploadId>cut off'])(
    'no upload id in %j',
    (xml) => {
      expect(() => uploadIdOf(xml)).toThrow('no upload id');
    },
  );

  it.each([
    ['<ETag>"abc-2"</ETag>', '"abc-2"'],
    ['<ETag>&#34;abc-2&#34;</ETag>', '"abc-2"'],
    ['<ETag>&quot;abc-2&quot;</ETag>', '"abc-2"'],
    ['<ETag>abc-2</ETag>', '"abc-2"'],
    ['<ETag></ETag>', undefined],
    ['', undefined],
  ])('the tag in %j', (xml, tag) => {
    expect(completedTag(xml)).toBe(tag);
  });

  it('reads a page of unfinished uploads, and where the next one begins', () => {
    const one =
      '<Upload><Key>a/b</Key><UploadId>1</UploadId><Initiated>2026-11-21T10:00:00.000Z</Initiated></Upload>';
    const page = (more: string) =>
      `<ListMultipartUploadsResult ${NAMESPACE}>${more}${one}</ListMultipartUploadsResult>`;
    const uploads = [{ name: 'a/b', id: '1', initiated: new Date('2026-11-21T10:00:00Z') }];
    const next = '<NextKeyMarker>a&amp;b</NextKeyMarker><NextUploadIdMarker>1</NextUploadIdMarker>';
    expect(uploadsPage(page(`<IsTruncated>true</IsTruncated>${next}`))).toEqual({
      uploads,
      next: 'a&b',
    });
    expect(uploadsPage(page(`<IsTruncated>false</IsTruncated>${next}`))).toEqual({
      uploads,
      next: undefined,
    });
    // It would begin anew for ever.
    expect(
      uploadsPage(page('<IsTruncated>true</IsTruncated><NextKeyMarker></NextKeyMarker>')).next,
    ).toBeUndefined();
    expect(uploadsPage('<html>hello</html>')).toEqual({ uploads: [], next: undefined });
  });

  it('lists the uploads of a key, and of no other that begins alike', () => {
    const upload = (key: string, id: string) =>
      `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`;
    const xml = `<ListMultipartUploadsResult ${NAMESPACE}><UploadIdMarker></UploadIdMarker>${upload('a/b', '1')}${upload('a/bc', '2')}${upload('a/b', '3')}</ListMultipartUploadsResult>`;
    expect(incompleteUploads(xml, 'a/b')).toEqual(['1', '3']);
    expect(incompleteUploads('', 'a/b')).toEqual([]);
  });

  it('the parts of an upload, and where the next page begins', () => {
    const xml = (truncated: boolean) =>
      `<ns:ListPartsResult><ns:NextPartNumberMarker>3</ns:NextPartNumberMarker><ns:IsTruncated>${String(truncated)}</ns:IsTruncated>` +
      '<ns:Part><ns:PartNumber>1</ns:PartNumber><ns:ETag>&quot;a&#34;</ns:ETag><ns:Size>5</ns:Size></ns:Part>' +
      '<ns:Part>\n<ns:PartNumber>3</ns:PartNumber><ns:Size>6</ns:Size></ns:Part></ns:ListPartsResult>';
    expect(listedParts(xml(false))).toEqual([
      { index: 0, size: 5, tag: '"a"' },
      { index: 2, size: 6, tag: '' },
    ]);
    expect(listedParts('')).toEqual([]);
    expect(nextPartMarker(xml(true))).toBe('3');
    expect(nextPartMarker(xml(false))).toBeUndefined();
    expect(nextPartMarker('')).toBeUndefined();
  });

  it('names the parts in order', () => {
    expect(completion(['"x"', 'y'])).toBe(
      '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;x&quot;</ETag></Part>' +
        '<Part><PartNumber>2</PartNumber><ETag>y</ETag></Part></CompleteMultipartUpload>',
    );
  });

  it.each([
    ['<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>', { code: 'NoSuchKey', message: 'gone' }],
    [`  <Error ${NAMESPACE}><Code>SlowDown</Code></Error>`, { code: 'SlowDown' }],
    ['<CompleteMultipartUploadResult><Code>x</Code></CompleteMultipartUploadResult>', {}],
    ['<html><h1>502</h1></html>', {}],
    ['', {}],
  ])('the error in %j', (xml, error) => {
    expect(errorOf(xml)).toEqual(error);
  });
});

describe('what an answer means that nobody hoped for', () => {
  it.each([
    [503, undefined, false],
    [429, undefined, false],
    [500, undefined, true],
    [502, undefined, true],
    [504, undefined, true],
    [408, undefined, true],
    [200, 'InternalError', true],
    [200, 'SlowDown', true],
    [400, 'RequestTimeout', true],
  ])('%i %s: away, and whether it may have acted: %s', (status, code, acted) => {
    const error = refusal(status, code === undefined ? {} : { code });
    expect(error).toBeInstanceOf(StoreAway);
    expect((error as StoreAway).acted).toBe(acted);
  });

  it.each([
    [404, undefined, 'NotFound'],
    [404, 'NoSuchKey', 'NoSuchKey'],
    [403, undefined, 'AccessDenied'],
    [412, undefined, 'PreconditionFailed'],
    [416, undefined, 'InvalidRange'],
    [507, undefined, 'InsufficientStorage'],
    [200, 'EntityTooLarge', 'EntityTooLarge'],
    [418, undefined, ''],
  ])('%i %s: %j', (status, code, named) => {
    expect(refusal(status, code === undefined ? {} : { code })).toMatchObject({
      name: 'StoreError',
      code: named,
    });
  });
});
