import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ROOT } from '../bootstrap/checkout.mjs';
import { parseJson } from '../process/parse-json.mjs';

/**
 * As much of a volume of the application's configuration as the stack itself has to do with.
 * @typedef {{ name: string, driver: string, root?: string, delivery?: string, endpoint?: string, caFile?: string }} Volume
 */

/**
 * @param {string} dataDir
 * @returns {Volume} blobs on this disk, sent by nginx itself
 */
export function localVolume(dataDir) {
  const root = join(dataDir, 'blobs');
  mkdirSync(root, { recursive: true, mode: 0o700 });
  return { name: 'local', driver: 'fs', root, delivery: 'accel' };
}

/**
 * @param {Readonly<Record<string, string>>} env the application's
 * @returns {ReadonlyMap<string, string>} the folders from which nginx is to send blobs itself, by the names of the volumes
 */
export function accelRoots(env) {
  return new Map(
    volumesOf(env)
      .filter(({ driver, delivery }) => driver === 'fs' && delivery === 'accel')
      .map(({ name, root = '' }) => [name, resolve(ROOT, root)]),
  );
}

/** Deliveries in which nginx fetches blobs from the store; `auto` is what a volume has that names none. */
const PROXIED = ['auto', 'accel-s3'];

/**
 * @typedef {{ endpoint: string, caFile: string | undefined }} ProxiedStore
 * @param {Readonly<Record<string, string | undefined>>} env the application's
 * @returns {ReadonlyMap<string, ProxiedStore>} the stores from which nginx is to fetch blobs, by the names of the volumes
 */
export function proxiedStores(env) {
  const volumes = volumesOf(env).filter(({ driver }) => driver === 's3');
  if (env.S3_ENDPOINT) volumes.push(shorthandVolume(env));
  return new Map(
    volumes
      .filter(({ delivery = 'auto' }) => PROXIED.includes(delivery))
      .map(({ name, endpoint = '', caFile }) => [name, { endpoint, caFile }]),
  );
}

/**
 * @param {Readonly<Record<string, string | undefined>>} env
 * @returns {Volume} the one that `S3_ENDPOINT` adds
 */
function shorthandVolume(env) {
  const { S3_ENDPOINT: endpoint = '', S3_CA_FILE: caFile, S3_DELIVERY: delivery } = env;
  return { name: 's3', driver: 's3', endpoint, ...(caFile && { caFile }), ...(delivery && { delivery }) };
}

/**
 * @param {Readonly<Record<string, string | undefined>>} env
 * @returns {Volume[]} none when they cannot be read: the application says what is wrong, better than we could
 */
function volumesOf(env) {
  try {
    const volumes = parseJson(env.VOLUMES ?? '[]');
    return Array.isArray(volumes) ? /** @type {Volume[]} */ (volumes) : [];
  } catch {
    return [];
  }
}
