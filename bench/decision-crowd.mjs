import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { startStack } from '../scripts/stack/start-stack.mjs';
import { decide, logIn, mintToken, upload } from './parts/caller.mjs';
import { wrk } from './parts/wrk.mjs';

/** @typedef {import('./benchmark.js').Setting} Setting */

const LOAD = { connections: 64, seconds: 2 };
const TOKENS = 10_000;
const USERS = 1_000;
/** Requests at once while the crowd comes in. */
const LANES = 16;

/** @type {import('./benchmark.js').Benchmark} */
export const decisionCrowd = {
  name: 'decision-crowd',
  ratio: `requests/s of the X-Accel decision where ${String(TOKENS)} tokens and ${String(USERS)} users are active ÷ where there is one user`,
  unit: 'requests/s',
  goal: { atLeast: 0.95 },
  rounds: 15,
  prepare: async (setting) => {
    const lonely = await sideOf(setting, 'lonely');
    const crowded = await sideOf(setting, 'crowded');
    await crowd(crowded);
    return { candidate: crowded.measure, baseline: lonely.measure };
  },
};

/**
 * A stack of its own with a file, and the rate at which it decides on that.
 * @param {Setting} setting
 * @param {string} name
 */
async function sideOf({ stack: { env }, folder, signal, onEnd }, name) {
  const own = { DATABASE_URL: undefined, REDIS_URL: undefined, VOLUMES: undefined, PUBLIC_URL: undefined };
  const stack = await startStack({ dataDir: join(folder, name), env: { ...env, ...own }, signal });
  onEnd(() => stack.stop());
  const setting = { stack, folder, signal, onEnd };
  const path = join(folder, `${name}.bin`);
  await writeFile(path, randomBytes(1024));
  const credentials = await logIn(setting);
  const fileId = await upload(setting, credentials, path);
  return {
    setting,
    credentials,
    fileId,
    measure: async () => {
      await decide(setting, credentials, fileId);
      const { requestsPerSecond } = await wrk(`${stack.appUrl}/download/${fileId}`, {
        ...LOAD,
        headers: credentials,
        signal,
      });
      return requestsPerSecond;
    },
  };
}

/**
 * Tokens and users who have each just downloaded the file.
 * @param {Awaited<ReturnType<typeof sideOf>>} side
 */
async function crowd({ setting, credentials, fileId }) {
  const { stack } = setting;
  const keys = Array.from({ length: USERS }, () => randomBytes(32).toString('base64url'));
  const texts = keys.map((key, place) => `dsk_${letters(place)}_${key}`);
  const database = new pg.Client({ connectionString: stack.databaseUrl });
  await database.connect();
  await database.query(
    `WITH made AS (
       INSERT INTO users (tenant_id, email, role)
       SELECT u.tenant_id, 'crowd-' || n || '@example.com', 'admin'
       FROM users u, generate_series(1, $2) n WHERE u.email = $1 RETURNING id, tenant_id
     ), numbered AS (SELECT id, tenant_id, row_number() OVER () AS n FROM made)
     INSERT INTO api_keys (tenant_id, user_id, name, prefix, sha256, scopes)
     SELECT tenant_id, id, 'crowd', split_part(texts.key, '_', 1) || '_' || split_part(texts.key, '_', 2), texts.sha256, '{download}'
     FROM numbered JOIN unnest($3::text[], $4::text[]) WITH ORDINALITY AS texts (key, sha256, n) USING (n)`,
    [stack.admin.email, USERS, texts, texts.map((text) => createHash('sha256').update(text).digest('hex'))],
  );
  await database.end();
  const users = texts.map((text) => () => decide(setting, { 'X-API-Key': text }, fileId));
  const tokens = Array.from({ length: TOKENS }, () => async () => {
    await decide(setting, {}, `${fileId}?token=${await mintToken(setting, credentials, fileId)}`);
  });
  const all = [...users, ...tokens].values();
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      for (const one of all) await one();
    }),
  );
}

/**
 * @param {number} number
 * @returns {string} ten letters that API keys may have in front
 */
function letters(number) {
  return number
    .toString()
    .padStart(10, '0')
    .replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? '');
}
