import { create } from 'content-disposition';

/** Marks that reorder or hide text: `gpj.exe` must not be shown as `exe.jpg` (UAX #9 §2; CVE-2021-42574). */
const BIDI_MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

// eslint-disable-next-line no-control-regex -- control characters are what this looks for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/**
 * `Content-Disposition: attachment` with the name in RFC 6266 form: an ASCII `filename` for old clients and, where that
 * is not the whole truth, `filename*` by RFC 8187.
 * @param filename any text; what no file system or header could carry is replaced by `_`
 */
export function attachment(filename: string): string {
  const name = filename.toWellFormed().replace(BIDI_MARKS, '').replace(CONTROLS, '_').replace(/[/\\]/g, '_');
  const safe = name.trim() === '' ? 'download' : name;
  // `%` and `"` are read differently by old clients even when quoted correctly (RFC 6266 appendix D).
  const fallback = safe.replace(/[^\x20-\x7e]/gu, '_').replace(/["%]/g, '_');
  return create(safe, { type: 'attachment', fallback });
}
