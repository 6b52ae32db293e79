import { Problem, unsupportedMediaType, validationFailed } from '../../../common/problems/index.js';

/** https://tus.io/protocols/resumable-upload */
export const TUS_VERSION = '1.0.0';
export const TUS_EXTENSIONS = 'creation,creation-with-upload,expiration,termination,checksum';
export const TUS_PATH = '/api/v1/tus';

const BODY_TYPE = 'application/offset+octet-stream';

type Header = string | string[] | undefined;

/** A header with a number of bytes. @throws Problem `validation-failed` (400) */
export function bytesOf(name: string, header: Header): number {
  const bytes = typeof header === 'string' && /^\d{1,16}$/.test(header) ? Number(header) : NaN;
  if (!Number.isSafeInteger(bytes)) throw malformedHeader(name, 'must be a number of bytes');
  return bytes;
}

/** @throws Problem `unsupported-media-type` (415) */
export function requireBodyType(contentType: string | undefined): void {
  const type = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type !== BODY_TYPE) {
    throw new Problem(unsupportedMediaType, { detail: `Send the bytes as ${BODY_TYPE}.` });
  }
}

export function malformedHeader(field: string, message: string): Problem {
  return new Problem(validationFailed, { errors: [{ field, message }] });
}
