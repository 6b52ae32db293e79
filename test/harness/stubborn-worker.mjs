/**
 * A task that does what it is told: answer, fail, run for ever, or take all memory.
 * @param {string} task
 * @returns {string}
 */
export default function run(task) {
  if (task === 'fail') throw new Error('as told');
  if (task === 'hang') for (;;);
  if (task === 'swell') {
    /** @type {object[]} */
    const all = [];
    for (;;) all.push(...Array.from({ length: 1_000 }, (_, at) => ({ at })));
  }
  return task;
}
