import type { ApiResponseOptions } from '@nestjs/swagger';

type Headers = NonNullable<ApiResponseOptions['headers']>;

const text = (description: string, example: string): Headers[string] => ({
  description,
  schema: { type: 'string', example },
});

export const DOWNLOAD_HEADERS: Headers = {
  ETag: text(
    'Strong, from the content',
    '"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
  ),
  'Last-Modified': text('Since when the file is there', 'Sat, 21 Nov 2026 10:00:00 GMT'),
  'Accept-Ranges': text('Ranges are supported', 'bytes'),
  'Content-Disposition': text('RFC 6266, any Unicode name', `attachment; filename="report.pdf"`),
  'X-Download-Id': text(
    'Names the download, over all its connections and resumptions',
    '07n4bQgYhMfWWaL1qgxVrQFa',
  ),
  'Repr-Digest': text(
    'SHA-256 of the whole file (RFC 9530)',
    'sha-256=:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=:',
  ),
};

export const BINARY = {
  'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
} as const;
