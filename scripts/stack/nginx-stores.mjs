import { readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { rootCertificates } from 'node:tls';
import { ROOT } from '../bootstrap/checkout.mjs';
import { findNginxJs } from '../bootstrap/programs.mjs';
import { SaidError } from '../process/said-error.mjs';
import { pathInConfig, renderTemplate } from './nginx-template.mjs';

const FOLDER = join(ROOT, 'deploy/nginx');

/**
 * Writes what nginx needs to fetch blobs from stores, beside nginx.conf.
 * @param {ReadonlyMap<string, import('./volumes.mjs').ProxiedStore>} stores by volume
 * @param {string} prefix nginx's own folder
 * @param {string} maxConnections of one logical download
 * @returns {Record<string, string>} for the placeholders of nginx.conf.template; empty texts where there is no store
 */
export function storeDirectives(stores, prefix, maxConnections) {
  if (stores.size === 0) return { NGINX_MODULES: '', STORES: '', STORE_LOCATION: '' };
  const module = findNginxJs();
  if (module === undefined) {
    throw new SaidError(
      "nginx's js module is not installed; volumes in S3 need it (Debian: apt-get install libnginx-mod-http-js)",
    );
  }
  const all = [...stores].map(([name, { endpoint, caFile }]) => ({ name, url: new URL(endpoint), caFile }));
  for (const { url } of all) {
    if (url.protocol === 'https:' && isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0)
      throw new SaidError(
        `${url.origin}: nginx verifies certificates by name only; name the store, not its address`,
      );
  }
  const each = (/** @type {(store: typeof all[number]) => string} */ line) => all.map(line).join('\n    ');
  const authorities = join(prefix, 'store-ca.pem');
  writeFileSync(
    authorities,
    [
      ...rootCertificates,
      ...all.flatMap(({ caFile }) =>
        caFile === undefined ? [] : [readFileSync(resolve(ROOT, caFile), 'utf8')],
      ),
    ].join('\n'),
  );
  const config = join(prefix, 'stores.conf');
  writeFileSync(
    config,
    renderTemplate(readFileSync(join(FOLDER, 'stores.conf.template'), 'utf8'), {
      STORE_SCRIPT: pathInConfig(join(FOLDER, 'store.js'), prefix),
      STORE_ORIGINS: each(({ name, url }) => `${name} "${url.protocol}//store_${name}";`),
      STORE_HOSTS: each(({ name, url }) => `${name} "${url.host}";`),
      STORE_NAMES: each(({ name, url }) => `${name} "${url.hostname}";`),
      STORE_UPSTREAMS: all
        .map(
          ({ name, url }) =>
            `upstream store_${name} {\n    server ${url.hostname}:${portOf(url)} max_fails=0;\n    keepalive 32;\n` +
            '    keepalive_requests 100000;\n}',
        )
        .join('\n'),
      STORE_CA_FILE: pathInConfig(authorities, prefix),
    }),
    { mode: 0o600 },
  );
  const location = join(prefix, 'store-location.conf');
  writeFileSync(
    location,
    renderTemplate(readFileSync(join(FOLDER, 'store-location.conf.template'), 'utf8'), {
      DOWNLOAD_MAX_CONNECTIONS: maxConnections,
    }),
    { mode: 0o600 },
  );
  return {
    NGINX_MODULES: `load_module "${module}";`,
    STORES: `include "${pathInConfig(config, prefix)}";`,
    STORE_LOCATION: `include "${pathInConfig(location, prefix)}";`,
  };
}

/** @param {URL} url @returns {string} */
function portOf({ port, protocol }) {
  if (port !== '') return port;
  return protocol === 'https:' ? '443' : '80';
}
