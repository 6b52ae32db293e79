import { filenameFault } from '../../file-meta/index.js';
import { malformedForm } from '../uploads.problems.js';

/**
 * The name under which an uploaded file is kept: the last segment of what the client sent, either kind of slash. Kept
 * exactly otherwise; it never reaches a path of ours.
 * @throws Problem `validation-failed` (400) for a name that no file may have
 */
export function storedFilename(sent: string | undefined): string {
  // Browsers and curl write a quote inside the quoted name as %22, a line break as %0D%0A (WHATWG HTML,
  // multipart/form-data encoding); they do not escape `%`, so nothing else is decoded.
  const text = (sent ?? '').replaceAll('%22', '"').replaceAll(/%0d/gi, '\r').replaceAll(/%0a/gi, '\n');
  const name = text.split(/[/\\]/).at(-1) ?? '';
  const fault = filenameFault(name);
  if (fault !== undefined) throw malformedForm('file', `must ${fault}`);
  return name;
}
