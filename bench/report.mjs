import { cpus, release, totalmem } from 'node:os';
import { figure, percent, spread } from './figures.mjs';

/** @typedef {import('./run-benchmark.mjs').Outcome} Outcome */

const HEAD = ['row', 'ratio', 'min–max', 'goal', '', 'candidate', 'baseline', 'unit'];

/**
 * @param {readonly Outcome[]} outcomes
 * @returns {string} for people: the table, then what each ratio is and the remarks
 */
export function tableOf(outcomes) {
  const rows = [HEAD, ...outcomes.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const notes = outcomes.map(({ benchmark, rounds, tried, remarks }) =>
    [
      `${benchmark.name}: ${benchmark.ratio}`,
      ...(rounds.length > 0 ? [basisOf(rounds, tried)] : []),
      ...remarks,
    ].join('\n  '),
  );
  return `\n${lines.join('\n')}\n\n${notes.join('\n')}\n`;
}

/**
 * @param {Outcome['rounds']} rounds
 * @param {number} tried
 * @returns {string}
 */
function basisOf(rounds, tried) {
  const others = spread(rounds.map((round) => round.others));
  return `median of the quietest ${String(rounds.length)} of ${String(tried)} rounds; others took at most ${percent(others.max)} of the machine`;
}

/**
 * @param {Outcome} outcome
 * @returns {string[]}
 */
function cellsOf({ benchmark, verdict, rounds }) {
  const { name, unit, goal } = benchmark;
  const wanted =
    goal === undefined ? '–' : 'atLeast' in goal ? `≥ ${String(goal.atLeast)}` : `≤ ${String(goal.atMost)}`;
  if (rounds.length === 0) return [name, '–', '–', wanted, verdict];
  const ratio = spread(rounds.map((round) => round.ratio));
  return [
    name,
    ratio.median.toFixed(3),
    `${ratio.min.toFixed(3)}–${ratio.max.toFixed(3)}`,
    wanted,
    verdict,
    figure(spread(rounds.map(({ candidate }) => candidate)).median),
    figure(spread(rounds.map(({ baseline }) => baseline)).median),
    unit,
  ];
}

/**
 * @param {readonly Outcome[]} outcomes
 * @param {Date} at
 * @returns {object} the same for machines, every round included
 */
export function recordOf(outcomes, at) {
  return {
    at: at.toISOString(),
    machine: {
      cores: cpus().length,
      processor: cpus()[0]?.model ?? 'unknown',
      memoryMiB: Math.round(totalmem() / 2 ** 20),
      kernel: release(),
      node: process.version,
    },
    rows: outcomes.map(({ benchmark, verdict, rounds, tried, remarks }) => ({
      name: benchmark.name,
      is: benchmark.ratio,
      unit: benchmark.unit,
      goal: benchmark.goal ?? null,
      verdict,
      ...(rounds.length > 0 && {
        ratio: spread(rounds.map(({ ratio }) => ratio)),
        candidate: spread(rounds.map(({ candidate }) => candidate)),
        baseline: spread(rounds.map(({ baseline }) => baseline)),
      }),
      rounds,
      tried,
      remarks,
    })),
  };
}
