import { mediaTypeOf } from './limits/media-type-of.js';

const UNKNOWN = 'application/octet-stream';

/** The media type that an uploaded file is kept with; one that cannot be read is the unknown type. */
export function storedContentType(sent: string | undefined): string {
  return mediaTypeOf(sent) ?? UNKNOWN;
}
