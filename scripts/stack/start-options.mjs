import { SaidError } from '../process/said-error.mjs';

/** More than anybody tries on one machine, and few enough for it to start them all. */
const MOST = 32;

const REPLICAS = `--replicas must be a whole number from 1 to ${String(MOST)}: npm start -- --replicas 3`;

const KNOWN = `there are --replicas N (1 to ${String(MOST)}) and --s3`;

/**
 * What `npm start` can be asked for; everything else is an environment variable.
 * @typedef {object} StartOptions
 * @property {number} replicas how many application processes
 * @property {boolean} s3 whether a MinIO belongs to the stack
 */

/**
 * @param {readonly string[]} args of the script: `--replicas N` or `--replicas=N`, `--s3`; each at most once
 * @param {NodeJS.ProcessEnv} env
 * @returns {StartOptions}
 * @throws {SaidError} rather than to ignore what somebody asked for
 */
export function startOptionsFrom(args, env) {
  // Without `--` npm keeps the option to itself.
  if (env.npm_config_replicas !== undefined) throw new SaidError(`${REPLICAS} (with -- before the option)`);
  if (env.npm_config_s3 !== undefined) throw new SaidError('npm start -- --s3 (with -- before the option)');
  /** @type {number | undefined} */
  let replicas;
  let s3 = false;
  const rest = [...args];
  for (let option = rest.shift(); option !== undefined; option = rest.shift()) {
    const [, joined] = /^--replicas(?:=(.*))?$/s.exec(option) ?? [];
    if (option === '--s3' && !s3) s3 = true;
    else if (/^--replicas(=|$)/.test(option) && replicas === undefined) {
      replicas = countOf(joined ?? rest.shift());
    } else {
      throw new SaidError(
        `unknown argument ${option}: ${KNOWN}, each at most once; everything else is chosen by environment variables ` +
          '(PUBLIC_PORT, DATA_DIR, …)',
      );
    }
  }
  return { replicas: replicas ?? 1, s3 };
}

/**
 * @param {string | undefined} text
 * @returns {number}
 */
function countOf(text) {
  if (text === undefined || !/^[1-9]\d?$/.test(text) || Number(text) > MOST) throw new SaidError(REPLICAS);
  return Number(text);
}
