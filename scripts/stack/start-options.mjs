import { SaidError } from '../process/said-error.mjs';

/** More than anybody tries on one machine, and few enough for it to start them all. */
const MOST = 32;

const REPLICAS = `--replicas must be a whole number from 1 to ${String(MOST)}: npm start -- --replicas 3`;

/** Options without a value. */
const FLAGS = /** @type {const} */ (['s3', 'tls']);

const KNOWN = `there are --replicas N (1 to ${String(MOST)}), --s3 and --tls`;

/**
 * What `npm start` can be asked for; everything else is an environment variable.
 * @typedef {object} StartOptions
 * @property {number} replicas how many application processes
 * @property {boolean} s3 whether a MinIO belongs to the stack
 * @property {boolean} tls whether nginx, and that MinIO, speak HTTPS
 */

/**
 * @param {readonly string[]} args of the script: `--replicas N` or `--replicas=N`, `--s3`, `--tls`; each at most once
 * @param {NodeJS.ProcessEnv} env
 * @returns {StartOptions}
 * @throws {SaidError} rather than to ignore what somebody asked for
 */
export function startOptionsFrom(args, env) {
  // Without `--` npm keeps the option to itself.
  if (env.npm_config_replicas !== undefined) throw new SaidError(`${REPLICAS} (with -- before the option)`);
  for (const flag of FLAGS) {
    if (env[`npm_config_${flag}`] !== undefined)
      throw new SaidError(`npm start -- --${flag} (with -- before the option)`);
  }
  /** @type {number | undefined} */
  let replicas;
  /** @type {Set<string>} */
  const flags = new Set();
  const rest = [...args];
  for (let option = rest.shift(); option !== undefined; option = rest.shift()) {
    const [, joined] = /^--replicas(?:=(.*))?$/s.exec(option) ?? [];
    const flag = FLAGS.find((name) => option === `--${name}`);
    if (flag !== undefined && !flags.has(flag)) flags.add(flag);
    else if (/^--replicas(=|$)/.test(option) && replicas === undefined) {
      replicas = countOf(joined ?? rest.shift());
    } else {
      throw new SaidError(
        `unknown argument ${option}: ${KNOWN}, each at most once; everything else is chosen by environment variables ` +
          '(PUBLIC_PORT, DATA_DIR, …)',
      );
    }
  }
  return { replicas: replicas ?? 1, s3: flags.has('s3'), tls: flags.has('tls') };
}

/**
 * @param {string | undefined} text
 * @returns {number}
 */
function countOf(text) {
  if (text === undefined || !/^[1-9]\d?$/.test(text) || Number(text) > MOST) throw new SaidError(REPLICAS);
  return Number(text);
}
