import type { StoredFile } from '../file-meta/index.js';
import type { Representation } from '../storage/index.js';

/** Of the files that are kept in memory while their versions hold: a hot file's headers are made once. */
const representations = new WeakMap<StoredFile, Representation>();

/**
 * The validators are ours in every mode, from the content's hash and the file's birth: the content of a file never
 * changes, so a download resumes on any replica, from any copy.
 * @param filename another name than the file's own, as a download token may have one
 */
export function representationOf(file: StoredFile, filename: string | null = null): Representation {
  const known = representations.get(file);
  if (known !== undefined) return filename === null ? known : { ...known, filename };
  const representation = {
    etag: `"${file.sha256}"`,
    lastModified: file.createdAt,
    filename: file.filename,
    contentType: file.contentType,
    size: file.size,
    sha256: file.sha256,
    public: file.visibility === 'public',
    aliases: file.storeTags,
  };
  representations.set(file, representation);
  return filename === null ? representation : { ...representation, filename };
}
