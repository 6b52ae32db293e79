import { performance } from 'node:perf_hooks';
import { requireProgram } from '../../scripts/bootstrap/programs.mjs';
import { runChild } from '../../scripts/process/child-processes.mjs';

/**
 * Uploads a file by tus 1.0: one POST, one PATCH by curl.
 * @param {string} endpoint where uploads are created
 * @param {Readonly<Record<string, string>>} headers of both requests
 * @param {{ path: string, size: number, metadata: string }} file absolute; bytes; Upload-Metadata
 * @param {AbortSignal} signal
 * @returns {Promise<number>} seconds
 */
export async function uploadByTus(endpoint, headers, { path, size, metadata }, signal) {
  const since = performance.now();
  const created = await fetch(endpoint, {
    method: 'POST',
    headers: {
      ...headers,
      'Tus-Resumable': '1.0.0',
      'Upload-Length': String(size),
      'Upload-Metadata': metadata,
    },
    signal,
  });
  const location = created.headers.get('location');
  if (created.status !== 201 || location === null)
    throw new Error(`the upload was answered ${String(created.status)}: ${await created.text()}`);
  const sent = {
    ...headers,
    'Tus-Resumable': '1.0.0',
    'Upload-Offset': '0',
    'Content-Type': 'application/offset+octet-stream',
    Expect: '',
  };
  const { code, output } = await runChild(
    requireProgram('curl'),
    [
      ...['-sS', '--fail-with-body', '-X', 'PATCH', '-T', path],
      ...Object.entries(sent).flatMap(([name, value]) => ['-H', `${name}: ${value}`.trim()]),
      new URL(location, endpoint).href,
    ],
    { signal },
  );
  if (code !== 0) throw new Error(`the bytes failed: ${output.trim()}`);
  return (performance.now() - since) / 1000;
}
