import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { requireProgram } from '../bootstrap/programs.mjs';

/** @typedef {{ dataDir: string, port: number, password: string }} RedisPlan */

/**
 * @param {RedisPlan} plan
 * @returns {string}
 */
export function redisUrlOf({ port, password }) {
  return `redis://:${password}@127.0.0.1:${String(port)}`;
}

/**
 * @param {string} text
 * @returns {string} as redis.conf wants it
 */
function quoted(text) {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/**
 * Asks PING as a client does: while Redis still loads its data it accepts connections, but answers -LOADING.
 * @param {RedisPlan} plan
 * @param {AbortSignal} signal
 * @returns {Promise<boolean>}
 */
function answersPing({ port, password }, signal) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let answer = '';
    const done = () => {
      resolve(answer === '+OK\r\n+PONG\r\n');
      socket.destroy();
    };
    signal.addEventListener('abort', done, { once: true });
    socket.once('connect', () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    socket.once('error', done).once('close', done);
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (answer.split('\r\n').length > 2) done();
    });
  });
}

/**
 * @param {RedisPlan} plan
 * @returns {import('./part.mjs').PartSpec}
 */
export function redisSpec(plan) {
  const folder = join(plan.dataDir, 'redis');
  const logFile = join(plan.dataDir, 'log/redis.log');
  const config = join(plan.dataDir, 'secrets/redis.conf');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // A file and not arguments, since every user of the machine may read a command line.
  writeFileSync(
    config,
    [
      'bind 127.0.0.1',
      `port ${String(plan.port)}`,
      `requirepass ${quoted(plan.password)}`,
      `dir ${quoted(folder)}`,
      'daemonize no',
      'appendonly yes',
      'appendfsync everysec',
      'save ""',
      // Admission counters and tokens must not vanish because memory is short.
      'maxmemory-policy noeviction',
      '',
    ].join('\n'),
    { mode: 0o600 },
  );
  return {
    name: 'redis',
    command: { file: requireProgram('redis-server'), args: [config], env: process.env, cwd: folder },
    deathSignal: 'TERM',
    logFile,
    tellingLogs: [logFile],
    isReady: (signal) => answersPing(plan, signal),
    readySeconds: 60,
    stopSteps: [{ signal: 'SIGTERM', seconds: 15 }],
  };
}
