import { afterEach, describe, expect, it } from 'vitest';
import { WatchedThread } from '../../src/modules/uploads/limits/watched-thread.js';

const WORKER = new URL('../harness/stubborn-worker.mjs', import.meta.url).href;

describe('WatchedThread', () => {
  const threads: WatchedThread<string, string>[] = [];
  const start = (deadline: number) => {
    const thread = new WatchedThread<string, string>(WORKER, deadline);
    threads.push(thread);
    return thread;
  };
  afterEach(async () => {
    await Promise.all(threads.splice(0).map((thread) => thread.end()));
  });

  it('answers in order, and passes failures on', async () => {
    const thread = start(10_000);
    const answers = await Promise.allSettled(['a', 'fail', 'b'].map((task) => thread.run(task)));
    expect(answers).toMatchObject([
      { value: 'a' },
      { status: 'rejected', reason: { message: 'as told' } },
      { value: 'b' },
    ]);
  });

  it('ends what does not come to an end; what waits behind it has its own time, and the event loop all the while', async () => {
    const thread = start(1_500);
    await thread.run('warm');
    const since = performance.now();
    let ticks = 0;
    const ticking = setInterval(() => (ticks += 1), 10);
    const answers = await Promise.allSettled(['hang', 'a', 'hang', 'b'].map((task) => thread.run(task)));
    clearInterval(ticking);
    expect(answers).toMatchObject([
      { status: 'rejected', reason: { name: 'AbortError' } },
      { value: 'a' },
      { status: 'rejected', reason: { name: 'AbortError' } },
      { value: 'b' },
    ]);
    expect(performance.now() - since).toBeGreaterThan(2_900);
    expect(ticks).toBeGreaterThan(50);
  });

  it('ends what wants all memory, and nothing else', async () => {
    const thread = start(15_000);
    const answers = await Promise.allSettled(['swell', 'a'].map((task) => thread.run(task)));
    expect(answers).toMatchObject([
      { status: 'rejected', reason: { code: 'ERR_WORKER_OUT_OF_MEMORY' } },
      { value: 'a' },
    ]);
  });
});
