/*
 * Sends a file by tus-js-client, or goes on with it: node tus-client.mjs ENDPOINT TOKEN FILE STATE-FILE. Writes a line for each piece
 * that is there, `RESUMED` for an upload that it has found in the state file, and at the end `DONE` with the id of the file.
 */
import { createReadStream } from 'node:fs';
import * as tus from 'tus-js-client';

/** @typedef {new (path: string) => import('tus-js-client').UrlStorage} UrlStorageClass */

// What Node has is not in its types.
/** @type {unknown} */
const node = tus;
const { FileUrlStorage } = /** @type {{ FileUrlStorage: UrlStorageClass }} */ (node);

const [endpoint = '', token = '', file = '', state = ''] = process.argv.slice(2);

const upload = new tus.Upload(createReadStream(file), {
  endpoint,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: 'by a client.bin' },
  urlStorage: new FileUrlStorage(state),
  chunkSize: 2 ** 20,
  retryDelays: Array.from({ length: 40 }, () => 500),
  onBeforeRequest: () => new Promise((resolve) => setTimeout(resolve, 30)),
  onChunkComplete: (_, accepted) => process.stdout.write(`${accepted}\n`),
  onSuccess: ({ lastResponse }) => process.stdout.write(`DONE ${lastResponse.getHeader('X-File-Id')}\n`),
  onError: (error) => {
    throw error;
  },
});
const [previous] = await upload.findPreviousUploads();
if (previous !== undefined) {
  process.stdout.write('RESUMED\n');
  upload.resumeFromPreviousUpload(previous);
}
upload.start();
