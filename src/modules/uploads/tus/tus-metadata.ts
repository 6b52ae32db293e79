import { filenameFault, VISIBILITIES, type Visibility } from '../../file-meta/index.js';
import type { AnnouncedFile } from '../sessions/create-upload.js';
import { malformedHeader } from './tus-protocol.js';

const FIELD = 'Upload-Metadata';

/** Printable ASCII without the separators. */
const KEY = /^[!-+\--~]+$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A file of which its client says no name. */
const NAMELESS = 'upload.bin';

/**
 * What `Upload-Metadata` says of the file; clients differ in what they call its name and type. Other keys are kept as they are.
 * @throws Problem `validation-failed` (400)
 */
export function announcedBy(header: string | undefined): Omit<AnnouncedFile, 'size'> {
  if (header === undefined || header === '') return { filename: NAMELESS };
  const values = valuesOf(header);
  const textOf = (...keys: string[]): string | undefined => {
    const key = keys.find((name) => values.get(name)?.length);
    return key === undefined ? undefined : utf8(key, values.get(key) ?? Buffer.alloc(0));
  };
  return {
    filename: filenameOf(textOf('filename', 'name')),
    contentType: textOf('filetype', 'type'),
    visibility: visibilityOf(textOf('visibility')),
    sha256: sha256Of(textOf('sha256')),
    volume: textOf('volume'),
    metadata: header,
  };
}

/** tus 1.0, "Upload-Metadata": `key base64,key base64,key`. */
function valuesOf(header: string): ReadonlyMap<string, Buffer> {
  const values = new Map<string, Buffer>();
  for (const pair of header.split(',')) {
    const [key = '', value = '', ...more] = pair.trim().split(' ');
    if (!KEY.test(key)) throw malformedHeader(FIELD, 'must be pairs of a key and a value: filename d29ybGQ=');
    if (more.length > 0 || !BASE64.test(value)) throw malformedHeader(FIELD, `${key} must be in base64`);
    if (values.has(key)) throw malformedHeader(FIELD, `${key} must not come twice`);
    values.set(key, Buffer.from(value, 'base64'));
  }
  return values;
}

function utf8(key: string, value: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    throw malformedHeader(FIELD, `${key} must be UTF-8`);
  }
}

/** Browsers know paths only below the folder that was chosen; the name of the file is what we keep. */
function filenameOf(sent: string | undefined): string {
  if (sent === undefined) return NAMELESS;
  const name = sent.split(/[/\\]/).at(-1) ?? '';
  const fault = filenameFault(name);
  if (fault !== undefined) throw malformedHeader(FIELD, `filename must ${fault}`);
  return name;
}

function visibilityOf(sent: string | undefined): Visibility | undefined {
  const found = VISIBILITIES.find((visibility) => visibility === sent);
  if (sent !== undefined && found === undefined) {
    throw malformedHeader(FIELD, `visibility must be one of ${VISIBILITIES.join(', ')}`);
  }
  return found;
}

function sha256Of(sent: string | undefined): string | undefined {
  if (sent === undefined || /^[0-9a-f]{64}$/i.test(sent)) return sent;
  throw malformedHeader(FIELD, 'sha256 must be 64 hex digits');
}
