import { basename } from 'node:path/posix';

/**
 * The file name of `Content-Disposition` (RFC 6266 §4.3): `filename*` (RFC 8187) before `filename`.
 * @returns the last segment of a path, never empty, `.` or `..`: somebody else has chosen it
 */
export function filenameOf(header: string): string {
  const [, encoded] = /;\s*filename\*=UTF-8''([^;\s]+)/i.exec(header) ?? [];
  const [, quoted, word] = /;\s*filename=(?:"((?:[^"\\]|\\.)*)"|([^;\s"]+))/i.exec(header) ?? [];
  const name = decoded(encoded) ?? quoted?.replace(/\\(.)/g, '$1') ?? word ?? '';
  // eslint-disable-next-line no-control-regex -- NUL ends a path, and a line end would be two names in a list
  const last = basename(name.replaceAll('\\', '/')).replace(/[\u0000-\u001f\u007f]/g, '_');
  return last === '' || last === '.' || last === '..' ? 'download' : last;
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
