import { MEDIA_TYPE } from '../file-meta/index.js';

const UNKNOWN = 'application/octet-stream';

/** The media type that an uploaded file is kept with; one that cannot be read is the unknown type. */
export function storedContentType(sent: string | undefined): string {
  const type = (sent ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return MEDIA_TYPE.test(type) ? type : UNKNOWN;
}
