import { performance } from 'node:perf_hooks';
import { requireProgram } from '../../scripts/bootstrap/programs.mjs';
import { runChild } from '../../scripts/process/child-processes.mjs';

/**
 * Lets several curls download one URL, and throws the bytes away.
 * @param {string} url
 * @param {object} options
 * @param {number} options.atOnce curls
 * @param {number} options.each downloads of each curl, one after the other
 * @param {number} options.size bytes that each download must have
 * @param {Readonly<Record<string, string>>} [options.headers]
 * @param {AbortSignal} options.signal
 * @returns {Promise<number>} bytes a second of all together; rejects when a download is not a whole 200
 */
export async function bytesPerSecond(url, { atOnce, each, size, headers = {}, signal }) {
  const args = ['-sS', '-w', '%{http_code} %{size_download}\\n'];
  for (const [name, value] of Object.entries(headers)) args.push('-H', `${name}: ${value}`);
  for (let number = 0; number < each; number++) args.push('-o', '/dev/null', url);
  const curl = requireProgram('curl');
  const since = performance.now();
  const results = await Promise.all(Array.from({ length: atOnce }, () => runChild(curl, args, { signal })));
  const seconds = (performance.now() - since) / 1000;
  const wanted = `200 ${String(size)}\n`.repeat(each);
  for (const { code, stdout, output } of results) {
    if (code !== 0 || stdout !== wanted)
      throw new Error(`curl of ${url} ended with exit code ${String(code)} and said: ${output.trim()}`);
  }
  return (atOnce * each * size) / seconds;
}
