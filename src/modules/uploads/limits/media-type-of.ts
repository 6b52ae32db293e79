import { MEDIA_TYPE } from '../../file-meta/index.js';

/** The media type that a text names, in lower case and without parameters; undefined when it names none. */
export function mediaTypeOf(text: string | undefined): string | undefined {
  const type = (text ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return MEDIA_TYPE.test(type) ? type : undefined;
}
