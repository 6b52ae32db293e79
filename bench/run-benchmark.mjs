import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Interrupted } from '../scripts/process/interrupted.mjs';
import { figure, percent, spread } from './figures.mjs';
import { watchOthers } from './others.mjs';

/** @typedef {import('./benchmark.js').Benchmark} Benchmark */
/** @typedef {import('./benchmark.js').Pair} Pair */
/** @typedef {import('./benchmark.js').Setting} Setting */

/**
 * @typedef {object} MeasuredRound
 * @property {number} candidate
 * @property {number} baseline
 * @property {number} ratio
 * @property {number} others share of the machine that other programs took meanwhile, 0 to 1
 */
/** @typedef {'recorded' | 'met' | 'missed' | 'failed'} Verdict recorded: the row has no goal; failed: there is no figure */

/**
 * @typedef {object} Outcome
 * @property {Benchmark} benchmark
 * @property {Verdict} verdict
 * @property {readonly MeasuredRound[]} rounds that count, the quietest first; none when it failed
 * @property {number} tried rounds that were measured
 * @property {readonly string[]} remarks what it failed with, then
 */

const FEWEST_ROUNDS = 5;

/** Rounds of each side that are thrown away: compilers, connections and caches get ready. */
const WARM_UP = 2;

/** A round in which others took more than this share of the machine tells more of them than of us, and is repeated. */
const QUIET = 0.05;

/** Rounds that are tried for each that is wanted; on a machine that does not become quiet the quietest of them count. */
const TRIES = 2;

/**
 * Runs one row: warm-up, then the rounds of the two sides in turn, so that what disturbs the machine disturbs both.
 * @param {Benchmark} benchmark
 * @param {Omit<Setting, 'folder' | 'onEnd'>} setting
 * @param {string} parent folder in which the row gets one of its own
 * @param {import('../scripts/process/progress.mjs').StepReporter} progress
 * @returns {Promise<Outcome>} a row that fails is an outcome too; rejects only when the run itself is to end
 */
export async function runBenchmark(benchmark, setting, parent, progress) {
  const folder = await mkdtemp(join(parent, `${benchmark.name}-`));
  /** @type {(() => Promise<void>)[]} */
  const ends = [];
  try {
    const pair = await benchmark.prepare({ ...setting, folder, onEnd: (end) => ends.push(end) });
    const measured = await measure(benchmark, pair, setting.signal, progress);
    const rounds = quietest(measured, benchmark.rounds);
    const remarks = (await pair.remarks?.()) ?? [];
    return { benchmark, verdict: judge(benchmark, rounds), rounds, tried: measured.length, remarks };
  } catch (error) {
    const reason = /** @type {unknown} */ (setting.signal.reason);
    if (reason instanceof Interrupted) throw reason;
    // A part of the stack that ended explains what the row only saw the effect of.
    const cause = setting.signal.aborted ? reason : error;
    return { benchmark, verdict: 'failed', rounds: [], tried: 0, remarks: [messageOf(cause)] };
  } finally {
    for (const end of ends.reverse()) await end();
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * @param {Benchmark} benchmark
 * @param {Pair} pair
 * @param {AbortSignal} signal
 * @param {import('../scripts/process/progress.mjs').StepReporter} progress
 * @returns {Promise<MeasuredRound[]>} as many quiet ones as are wanted, unless the machine has none; and the others
 */
async function measure({ name, unit, rounds: wanted }, pair, signal, progress) {
  if (wanted < FEWEST_ROUNDS) throw new Error(`${name} must have ${String(FEWEST_ROUNDS)} rounds or more`);
  for (let round = 0; round < WARM_UP; round++) {
    await pair.candidate();
    await pair.baseline();
  }
  /** @type {MeasuredRound[]} */
  const rounds = [];
  for (let quiet = 0; quiet < wanted && rounds.length < wanted * TRIES;) {
    signal.throwIfAborted();
    const shareOfOthers = watchOthers();
    const candidate = requirePositive(await pair.candidate());
    const baseline = requirePositive(await pair.baseline());
    const others = shareOfOthers();
    const ratio = candidate / baseline;
    rounds.push({ candidate, baseline, ratio, others });
    if (others <= QUIET) quiet++;
    progress.line(
      `  ${name} ${String(rounds.length)}: ${figure(candidate)} ÷ ${figure(baseline)} ${unit} = ${ratio.toFixed(3)}` +
        (others <= QUIET ? '' : ` (others took ${percent(others)})`),
    );
  }
  return rounds;
}

/**
 * Chosen by what others did, never by what the round gave.
 * @param {readonly MeasuredRound[]} rounds
 * @param {number} wanted
 * @returns {MeasuredRound[]}
 */
function quietest(rounds, wanted) {
  return [...rounds].sort((a, b) => a.others - b.others).slice(0, wanted);
}

/**
 * @param {number} value
 * @returns {number}
 */
function requirePositive(value) {
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`a round gave ${String(value)}, which is no figure`);
}

/**
 * @param {Benchmark} benchmark
 * @param {readonly MeasuredRound[]} rounds
 * @returns {Verdict}
 */
function judge({ goal }, rounds) {
  if (goal === undefined) return 'recorded';
  const { median } = spread(rounds.map(({ ratio }) => ratio));
  const met = 'atLeast' in goal ? median >= goal.atLeast : median <= goal.atMost;
  return met ? 'met' : 'missed';
}

/**
 * @param {unknown} error
 * @returns {string}
 */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
