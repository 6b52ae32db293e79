import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireProgram } from '../../scripts/bootstrap/programs.mjs';
import { startPart } from './start-part.mjs';
import { takenOver } from './template-directives.mjs';

/** How nginx moves bytes. */
const MOVING_BYTES = {
  main: ['worker_processes', 'worker_rlimit_nofile'],
  events: ['worker_connections'],
  http: [
    'sendfile',
    'sendfile_max_chunk',
    'aio',
    'tcp_nopush',
    'tcp_nodelay',
    'open_file_cache',
    'open_file_cache_valid',
    'keepalive_requests',
    'send_timeout',
    'reset_timedout_connection',
  ],
};

/**
 * Starts a second nginx of the same program that sends the files below `root` to whoever asks.
 * @param {import('../benchmark.js').Setting} setting
 * @param {string} root absolute
 * @returns {Promise<string>} its origin
 */
export function startStaticNginx(setting, root) {
  const { folder } = setting;
  return startPart('static-nginx', setting, async (port) => {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const config = join(folder, 'static-nginx.conf');
    await writeFile(
      config,
      `${process.getuid?.() === 0 ? 'user root;' : ''}
${await takenOver(MOVING_BYTES.main)}
daemon off;
pid static-nginx.pid;
error_log stderr;
events {
${await takenOver(MOVING_BYTES.events)}
}
http {
access_log off;
default_type application/octet-stream;
${temporary.map((name) => `${name}_temp_path ${name};`).join('\n')}
${await takenOver(MOVING_BYTES.http)}
server {
listen 127.0.0.1:${String(port)} reuseport backlog=4096;
root "${root}";
}
}
`,
    );
    return {
      file: requireProgram('nginx'),
      args: ['-p', `${folder}/`, '-c', config, '-e', 'stderr'],
    };
  });
}
