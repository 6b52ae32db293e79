import { SaidError } from '../process/said-error.mjs';

/** More than anybody tries on one machine, and few enough for it to start them all. */
const MOST = 32;

const USAGE = `--replicas must be a whole number from 1 to ${String(MOST)}: npm start -- --replicas 3`;

/**
 * The one option of `npm start`; everything else is an environment variable.
 * @param {readonly string[]} args of the script: `--replicas N` or `--replicas=N`
 * @param {NodeJS.ProcessEnv} env
 * @returns {number} how many application processes are wanted; 1 without the option
 * @throws {SaidError} rather than to ignore what somebody asked for
 */
export function replicasFrom(args, env) {
  // Without `--` npm keeps the option to itself.
  if (env.npm_config_replicas !== undefined) throw new SaidError(`${USAGE} (with -- before the option)`);
  const [first, ...rest] = args;
  if (first === undefined) return 1;
  const [, option, joined] = /^(--replicas)(?:=(.*))?$/s.exec(first) ?? [];
  const [value, unknown] = joined === undefined ? rest : [joined, ...rest];
  const stranger = option === undefined ? first : unknown;
  if (stranger !== undefined) {
    throw new SaidError(
      `unknown argument ${stranger}: there is --replicas N (1 to ${String(MOST)}); everything else is chosen by ` +
        'environment variables (PUBLIC_PORT, DATA_DIR, …)',
    );
  }
  if (value === undefined || !/^[1-9]\d?$/.test(value) || Number(value) > MOST) throw new SaidError(USAGE);
  return Number(value);
}
