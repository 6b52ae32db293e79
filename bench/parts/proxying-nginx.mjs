import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireProgram } from '../../scripts/bootstrap/programs.mjs';
import { startPart } from './start-part.mjs';
import { takenOver } from './template-directives.mjs';

/** How nginx passes bytes on. */
const PASSING_ON = {
  main: ['worker_processes', 'worker_rlimit_nofile'],
  events: ['worker_connections'],
  http: ['tcp_nopush', 'tcp_nodelay', 'keepalive_requests', 'send_timeout', 'reset_timedout_connection'],
  server: ['proxy_http_version', 'proxy_max_temp_file_size', 'proxy_buffers', 'proxy_buffer_size'],
};

/**
 * Starts a second nginx of the same program that passes everything on to a store.
 * @param {import('../benchmark.js').Setting} setting
 * @param {string} host of the store, with its port
 * @returns {Promise<string>} its origin
 */
export function startProxyingNginx(setting, host) {
  const { folder } = setting;
  return startPart('proxying-nginx', setting, async (port) => {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const config = join(folder, 'proxying-nginx.conf');
    await writeFile(
      config,
      `${process.getuid?.() === 0 ? 'user root;' : ''}
${await takenOver(PASSING_ON.main)}
daemon off;
pid proxying-nginx.pid;
error_log stderr;
events {
${await takenOver(PASSING_ON.events)}
}
http {
access_log off;
${temporary.map((name) => `${name}_temp_path ${name};`).join('\n')}
${await takenOver(PASSING_ON.http)}
upstream store {
server ${host};
keepalive 32;
}
server {
listen 127.0.0.1:${String(port)} reuseport backlog=4096;
${await takenOver(PASSING_ON.server)}
proxy_set_header Connection "";
proxy_set_header Host ${host};
location / {
proxy_pass http://store;
}
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
