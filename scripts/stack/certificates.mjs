import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireProgram } from '../bootstrap/programs.mjs';
import { runChild } from '../process/child-processes.mjs';
import { SaidError } from '../process/said-error.mjs';

/**
 * PEM files for HTTPS on this machine.
 * @typedef {object} Certificates
 * @property {string} caFile what clients are to trust
 * @property {string} certificateFile of the servers
 * @property {string} keyFile
 */

/** Days. Trusting the authority again is work, so it lives longer than what it signs. */
const LIFE = { authority: 730, server: 90 };

/** Days before the end at which a new one is made: a stack may run for weeks. */
const RENEWED_BEFORE = 30;

/**
 * The authority can vouch for this machine's own names only: with its key nobody can pretend to be another site to a
 * browser that trusts it (RFC 5280 §4.2.1.10).
 */
const OPENSSL_CONF = `
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical, permitted;DNS:localhost, permitted;IP:127.0.0.0/255.0.0.0, permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`;

/**
 * A throw-away authority and a certificate of it for localhost, 127.0.0.1 and ::1, both kept in the data folder until they are near
 * their ends.
 * @param {string} dataDir
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<Certificates>}
 */
export async function ensureCertificates(dataDir, signal) {
  const folder = join(dataDir, 'tls');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const authority = pairIn(folder, 'ca');
  const server = pairIn(folder, 'server');
  const issuer = readCertificate(authority);
  if (!isGood(issuer)) await make(folder, 'ca', ['-days', String(LIFE.authority)], signal);
  const current = readCertificate(server);
  if (!isGood(issuer) || !isGood(current) || !current.checkIssued(issuer)) {
    const { certificateFile, keyFile } = authority;
    const args = ['-days', String(LIFE.server), '-CA', certificateFile, '-CAkey', keyFile];
    await make(folder, 'server', args, signal);
  }
  return { caFile: authority.certificateFile, ...server };
}

/**
 * @param {string} folder
 * @param {string} name
 * @returns {{ certificateFile: string, keyFile: string }}
 */
function pairIn(folder, name) {
  return { certificateFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) };
}

/**
 * @param {{ certificateFile: string, keyFile: string }} pair
 * @returns {X509Certificate | undefined} undefined when there is none, or its key is missing
 */
function readCertificate({ certificateFile, keyFile }) {
  try {
    readFileSync(keyFile);
    return new X509Certificate(readFileSync(certificateFile));
  } catch {
    return undefined;
  }
}

/**
 * @param {X509Certificate | undefined} certificate
 * @returns {certificate is X509Certificate}
 */
function isGood(certificate) {
  return (
    certificate !== undefined && Date.parse(certificate.validTo) > Date.now() + RENEWED_BEFORE * 86_400_000
  );
}

/**
 * @param {string} folder
 * @param {'ca' | 'server'} name
 * @param {readonly string[]} args
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<void>}
 */
async function make(folder, name, args, signal) {
  // Beside their places: what is cut short leaves nothing that looks finished.
  const unfinished = mkdtempSync(join(folder, '.new-'));
  try {
    const config = join(unfinished, 'openssl.cnf');
    const pair = pairIn(unfinished, name);
    writeFileSync(config, OPENSSL_CONF);
    const subject = name === 'ca' ? '/CN=download-service, this machine only' : '/CN=localhost';
    const extensions = name === 'ca' ? 'authority' : 'server';
    const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-sha256'];
    const { code, output } = await runChild(
      requireProgram('openssl'),
      [
        'req',
        '-x509',
        ...options,
        '-config',
        config,
        '-extensions',
        extensions,
        '-subj',
        subject,
        ...args,
      ].concat(['-keyout', pair.keyFile, '-out', pair.certificateFile]),
      { signal },
    );
    if (code !== 0)
      throw new SaidError(`${output.trim()}\n\nopenssl could not make a certificate (${folder})`);
    const final = pairIn(folder, name);
    for (const kind of /** @type {const} */ (['keyFile', 'certificateFile'])) {
      chmodSync(pair[kind], 0o600);
      renameSync(pair[kind], final[kind]);
    }
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
