import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Part } from '../../scripts/stack/part.mjs';
import { expectProblem } from '../harness/api.js';
import type { Answer } from '../harness/http.js';
import { ADMIN, type OwnStack, useOwnStack } from '../harness/own-stack.js';
import { isRunning, signalProcess } from '../harness/processes.js';

/** As an operator's kill, which nobody has announced to the stack. */
const kill = (part: Part, signal: NodeJS.Signals) => {
  signalProcess(part.pid, signal);
};

const appAt = (own: OwnStack, index: number): Part => {
  const app = own.stack.apps[index];
  if (app === undefined) throw new Error(`there is no replica ${index}`);
  return app;
};

/** Waits until `holds`, with what the terminal would show as the reason of a failure. */
async function until(own: OwnStack, holds: () => boolean, seconds = 30): Promise<void> {
  const deadline = Date.now() + seconds * 1_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not in ${seconds} s; it said:\n${own.said.join('\n')}`);
    await sleep(20);
  }
}

const linesAbout = (own: OwnStack, part: Part, from = 0) =>
  own.said.slice(from).filter((line) => line.includes(part.name));

const untilSaid = (own: OwnStack, part: Part, text: string, from = 0) =>
  until(own, () => linesAbout(own, part, from).some((line) => line.includes(text)));

/** How many of these answers each replica has logged as its own. */
async function shares(own: OwnStack, answers: readonly Answer[]): Promise<number[]> {
  const ids = answers.map(({ headers }) => String(headers['x-request-id']));
  const count = () =>
    own.stack.apps.map(({ tellingLogs: [log = ''] }) => {
      const text = readFileSync(log, 'utf8');
      return ids.filter((id) => text.includes(id)).length;
    });
  // A request's line is written when its answer has gone out.
  await until(own, () => count().reduce((a, b) => a + b) >= ids.length, 5);
  return count();
}

const me = (own: OwnStack) => own.admin.send('/api/v1/auth/me');
const several = (count: number, request: () => Promise<Answer>) =>
  Promise.all(Array.from({ length: count }, request));
const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status).sort((a, b) => a - b);

/** Holds a port of a replica that is away. */
async function take(port: number): Promise<Server> {
  const server = createServer((socket: Socket) => socket.destroy()).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (own: OwnStack, index: number) => Number(new URL(own.stack.appUrls[index] ?? '').port);

/** GETs with credentials, one after the other, until it is told to end; resolves with all answers. */
function keepAsking(own: OwnStack): () => Promise<Answer[]> {
  const end = new AbortController();
  const answers: Answer[] = [];
  const asking = (async () => {
    while (!end.signal.aborted) answers.push(await me(own));
    return answers;
  })();
  return () => {
    end.abort();
    return asking;
  };
}

describe('three replicas, kept running', () => {
  const own = useOwnStack({ RATE_LIMIT_API: '1000000' }, { replicas: 3, restart: true });

  it('each of them answers, and nginx spreads the requests over all', async () => {
    expect(own.stack.apps).toHaveLength(3);
    expect(new Set(own.stack.appUrls).size).toBe(3);
    expect(own.stack.app).toBe(own.stack.apps[0]);
    expect(own.stack.appUrl).toBe(own.stack.appUrls[0]);
    for (const url of own.stack.appUrls) {
      expect((await own.anonymous.via(url).send('/health/ready')).status).toBe(200);
    }
    const answers = await several(30, () => me(own));
    expect(statuses(answers)).toEqual(Array(30).fill(200));
    const counts = await shares(own, answers);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(counts.reduce((a, b) => a + b)).toBe(30);
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    '%s of one under load: no GET fails, and another process takes its place',
    async (signal) => {
      const app = appAt(own, 1);
      const before = app.pid;
      const from = own.said.length;
      const ends = [keepAsking(own), keepAsking(own), keepAsking(own)];
      await sleep(200);
      kill(app, signal);
      await untilSaid(own, app, 'runs again', from);
      await sleep(200);
      const answers = (await Promise.all(ends.map((end) => end()))).flat();
      expect(answers.filter(({ status }) => status !== 200).map(({ text }) => text)).toEqual([]);

      expect(app.pid).not.toBe(before);
      expect(linesAbout(own, app, from)).toEqual([
        expect.stringMatching(
          signal === 'SIGKILL' ? /was ended by SIGKILL: .* in \d/ : /ended with exit code 0: .* in \d/,
        ),
        expect.stringContaining(`process ${String(app.pid)}`),
      ]);
      expect((await own.anonymous.via(own.stack.appUrls[1] ?? '').send('/health/ready')).status).toBe(200);
      expect((await shares(own, await several(12, () => me(own))))[1]).toBeGreaterThan(0);
    },
  );

  it('what the one that dies had begun: GET goes to another, POST goes to nobody twice', async () => {
    const frozen = async (index: number, request: () => Promise<Answer>) => {
      const app = appAt(own, index);
      const from = own.said.length;
      kill(app, 'SIGSTOP');
      let done = 0;
      const asked = several(3, () => request().finally(() => (done += 1)));
      // One of three waits for the frozen one.
      await until(own, () => done === 2, 10);
      await sleep(100);
      expect(done).toBe(2);
      kill(app, 'SIGKILL');
      const answers = await asked;
      await untilSaid(own, app, 'runs again', from);
      return answers;
    };
    const login = () =>
      own.anonymous.post('/api/v1/auth/login', { email: ADMIN.email, password: ADMIN.password });
    expect(statuses(await frozen(2, () => me(own)))).toEqual([200, 200, 200]);
    const posted = await frozen(0, login);
    expect(statuses(posted)).toEqual([200, 200, 503]);
    for (const answer of posted)
      if (answer.status === 503) expectProblem(answer, 503, 'dependency-unavailable');
  });

  it('one that cannot live is tried ever more seldom; the others go on; it is back when it can', async () => {
    const app = appAt(own, 1);
    const from = own.said.length;
    kill(app, 'SIGKILL');
    await app.exited;
    const taken = await take(portOf(own, 1));
    try {
      await until(own, () => linesAbout(own, app, from).length === 3);
      const delays = linesAbout(own, app, from).map((line) => Number(/ in ([\d.]+) s/.exec(line)?.[1]));
      expect(delays[0]).toBeGreaterThanOrEqual(0.5);
      expect(delays).toEqual([1, 2, 4].map((factor) => factor * (delays[0] ?? 0)));
      expect(linesAbout(own, app, from)[1]).toContain('ended with exit code 1');
      expect(statuses(await several(12, () => me(own)))).toEqual(Array(12).fill(200));
      expect(readFileSync(app.tellingLogs[0] ?? '', 'utf8')).toContain('EADDRINUSE');
    } finally {
      taken.close();
      await once(taken, 'close');
    }
    await untilSaid(own, app, 'runs again', from);
    expect((await own.anonymous.via(own.stack.appUrls[1] ?? '').send('/health/ready')).status).toBe(200);
  });
});

describe('two replicas that nobody starts again', () => {
  const own = useOwnStack({}, { replicas: 2 });
  const file = () => ({ name: 'file', value: randomBytes(100_000), filename: 'a.bin' });

  it('what was never sent to the one that is away goes to the other, POST and uploads too', async () => {
    kill(appAt(own, 0), 'SIGKILL');
    expect(await own.stack.failed).toBe(own.stack.app);
    // nginx hears of the end of the connections that it had kept.
    await sleep(100);
    const uploads = await several(8, () => own.admin.sendForm([file()]));
    expect(statuses(uploads)).toEqual(Array(8).fill(201));
    expect(statuses(await several(8, () => me(own)))).toEqual(Array(8).fill(200));
  });

  it('when none is left it is 503, and the first one that is back serves at once', async () => {
    await appAt(own, 1).stop();
    for (const answer of await several(4, () => me(own)))
      expectProblem(answer, 503, 'dependency-unavailable');
    await appAt(own, 0).start();
    expect(statuses(await several(8, () => me(own)))).toEqual(Array(8).fill(200));
  });
});

describe.each(['waits', 'goes on'])('an end while a restart %s', (what) => {
  const own = useOwnStack({}, { replicas: 2, restart: true });

  it('is prompt and leaves nothing', async () => {
    const app = appAt(own, 1);
    const pids = [app, own.stack.app, own.stack.nginx, own.stack.redis, own.stack.postgres].map(
      (part) => part?.pid ?? 0,
    );
    kill(app, 'SIGKILL');
    if (what === 'waits') {
      await app.exited;
      const taken = await take(portOf(own, 1));
      await untilSaid(own, app, ' in 4 s');
      taken.close();
    } else {
      await untilSaid(own, app, ' in 0.5 s');
      await until(own, () => app.running);
      pids.push(app.pid ?? 0);
    }
    const since = performance.now();
    await own.stack.stop();
    expect(performance.now() - since).toBeLessThan(15_000);
    // Longer than the restart that was due.
    await sleep(what === 'waits' ? 4_500 : 1_500);
    expect(app.running).toBe(false);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(linesAbout(own, app).at(-1)).toContain('started again in');
  });
});
