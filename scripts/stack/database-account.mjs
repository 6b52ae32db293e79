import { readFileSync } from 'node:fs';

/** @typedef {{ uid: number, gid: number, privileges: string[] }} DatabaseAccount privileges: options of setpriv */

/** capabilities(7): read and enter whatever the file modes say. */
const CAP_DAC_READ_SEARCH = 2n;

/** @returns {boolean} a container may have taken this capability away from root */
export function mayEnterEverything() {
  const permitted = /^CapPrm:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return permitted !== undefined && ((BigInt(`0x${permitted}`) >> CAP_DAC_READ_SEARCH) & 1n) === 1n;
}

/** @returns {{ uid: number, gid: number }} */
function nobody() {
  const entry = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  return { uid: Number(entry?.[1] ?? 65534), gid: Number(entry?.[2] ?? 65534) };
}

/**
 * PostgreSQL refuses to run as root, so root's stack runs it as nobody, or as whoever already owns the cluster. It keeps one
 * capability, so that it gets at its folder in a checkout below a folder that only root may enter.
 * @param {{ uid: number, gid: number } | undefined} owner of an existing cluster
 * @returns {DatabaseAccount | undefined} undefined: an ordinary user runs it as himself
 */
export function databaseAccount(owner) {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = owner === undefined || owner.uid === 0 ? nobody() : owner;
  const privileges = [`--reuid=${String(uid)}`, `--regid=${String(gid)}`, '--clear-groups'];
  if (mayEnterEverything()) privileges.push('--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search');
  return { uid, gid, privileges };
}
