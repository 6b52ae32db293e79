import { performance } from 'node:perf_hooks';
import { writeFile } from 'node:fs/promises';
import { requireProgram } from '../../scripts/bootstrap/programs.mjs';
import { runChild } from '../../scripts/process/child-processes.mjs';
import { parseJson } from '../../scripts/process/parse-json.mjs';

/** @typedef {import('../benchmark.js').Setting} Setting */
/** @typedef {import('./caller.mjs').Credentials} Credentials */

/**
 * @typedef {object} ChunkUpload
 * @property {number} size of the file, bytes; a multiple of `chunkSize`
 * @property {number} chunkSize bytes
 * @property {string} chunk path of a file with the bytes of every chunk
 * @property {string} list path for a file that tells curl what to send
 * @property {number} atOnce
 */

/**
 * A file of equal chunks, sent by one curl over kept connections, through nginx.
 * @param {Setting} setting
 * @param {Credentials} credentials
 * @param {ChunkUpload} upload
 * @returns {Promise<{ seconds: number, completing: number }>} of all of it, and of `complete` alone
 */
export async function uploadInChunks({ stack, signal }, credentials, upload) {
  const { size, chunkSize, chunk, list, atOnce } = upload;
  const origin = `http://127.0.0.1:${String(stack.publicPort)}`;
  const since = performance.now();
  const post = async (/** @type {string} */ path, /** @type {unknown} */ body) => {
    const answer = await fetch(`${origin}/api/v1/uploads${path}`, {
      method: 'POST',
      headers: { ...credentials, 'Content-Type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal,
    });
    const text = await answer.text();
    if (answer.status !== 201) throw new Error(`the upload was answered ${String(answer.status)}: ${text}`);
    return parseJson(text);
  };
  const announced = await post('', { filename: 'bench.bin', size, chunkSize });
  const { uploadId, chunkCount } = /** @type {{ uploadId: string, chunkCount: number }} */ (announced);
  const lines = Array.from(
    { length: chunkCount },
    (_, index) =>
      `upload-file = "${chunk}"\nurl = "${origin}/api/v1/uploads/${uploadId}/chunks/${String(index)}"`,
  );
  await writeFile(list, `${lines.join('\n')}\n`);
  const { code, output } = await runChild(
    requireProgram('curl'),
    [
      ...[
        '-sS',
        '--fail-early',
        '--fail-with-body',
        '-H',
        `Authorization: ${credentials.Authorization}`,
        '-H',
        'Expect:',
      ],
      ...(atOnce > 1 ? ['--parallel', '--parallel-max', String(atOnce)] : []),
      ...['--config', list],
    ],
    { signal },
  );
  if (code !== 0) throw new Error(`the chunks failed: ${output.trim()}`);
  const completed = performance.now();
  await post(`/${uploadId}/complete`, undefined);
  const now = performance.now();
  return { seconds: (now - since) / 1000, completing: (now - completed) / 1000 };
}
