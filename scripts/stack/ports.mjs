import { createServer } from 'node:net';
import { SaidError } from '../process/said-error.mjs';

/** Below the range that the kernel gives to outgoing connections, so that none of them sits on a chosen port. */
const LOWEST = 15_000;
const HIGHEST = 31_999;

/** @type {Set<number>} given out by this process, perhaps not listened on yet */
const given = new Set();

/**
 * @param {number} port
 * @param {string} host
 * @returns {Promise<string | undefined>} undefined when one could listen there, else the error's code
 */
function tryToListen(port, host) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      resolve(error.code ?? error.message);
    });
    server.listen({ port, host, exclusive: true }, () => {
      server.close(() => {
        resolve(undefined);
      });
    });
  });
}

/** @returns {Promise<boolean>} whether this machine has IPv6 */
export async function hasIpv6() {
  return (await tryToListen(0, '::')) === undefined;
}

/** @returns {Promise<string>} every interface, of both families where there are both */
async function everyInterface() {
  return (await hasIpv6()) ? '::' : '0.0.0.0';
}

/** @returns {Promise<number>} a port that nobody listens on, on loopback or elsewhere */
export async function freePort() {
  const host = await everyInterface();
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (given.has(port)) continue;
    given.add(port);
    if ((await tryToListen(port, '127.0.0.1')) === undefined && (await tryToListen(port, host)) === undefined)
      return port;
  }
  throw new SaidError(`no free port between ${String(LOWEST)} and ${String(HIGHEST)}`);
}

/**
 * @param {string} variable the environment variable that chose the port
 * @param {number} port
 * @param {'loopback' | 'every'} where
 * @returns {Promise<void>}
 * @throws {SaidError} naming the variable, when it cannot be listened on
 */
export async function requireFreePort(variable, port, where) {
  const problem = await tryToListen(port, where === 'loopback' ? '127.0.0.1' : await everyInterface());
  if (problem === undefined) return;
  const chosen = `${variable} ${String(port)}`;
  const help = `Choose another: ${variable}=… npm start`;
  if (problem === 'EADDRINUSE') throw new SaidError(`${chosen} is in use by another program. ${help}`);
  if (problem === 'EACCES')
    throw new SaidError(`${chosen}: this user may not listen there (ports below 1024 are root's). ${help}`);
  throw new SaidError(`${chosen}: cannot listen there (${problem}). ${help}`);
}
