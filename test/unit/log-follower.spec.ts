import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  rename,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogFollower, type LogPosition } from '../../src/modules/downloads/transfers/log-follower.js';

/** On real files; rotation as logrotate does it, and as an operator with too little time. */
describe('following a log', () => {
  let folder: string;
  let log: string;
  let taken: string[];
  let position: LogPosition | undefined;
  let follower: LogFollower;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'log-follower-'));
    log = join(folder, 'access.log');
    taken = [];
    position = undefined;
    follower = new LogFollower(log, undefined);
  });
  afterEach(async () => {
    await follower.close();
    await rm(folder, { recursive: true });
  });

  let clock = 0;
  /** Here files are written within a millisecond; in life there are hours between them. */
  const touch = async (path: string): Promise<void> => {
    clock = Math.max(clock + 1, Date.now());
    await utimes(path, new Date(clock), new Date(clock));
  };
  const write = async (path: string, ...lines: string[]): Promise<void> => {
    await appendFile(path, lines.map((line) => `${line}\n`).join(''));
    await touch(path);
  };
  const take = (lines: readonly string[], behind: LogPosition): Promise<void> => {
    taken.push(...lines);
    position = behind;
    return Promise.resolve();
  };
  const refuse = (): Promise<void> => Promise.reject(new Error('not now'));
  const readAll = async (): Promise<void> => {
    while (await follower.step(take));
  };
  /** As after kill -9: nothing is known but the position. */
  const startAgain = async (lingering?: number): Promise<void> => {
    await follower.close();
    follower = new LogFollower(log, position, lingering);
  };
  const rotated = (number: number): string => `${log}.${number}`;
  /** logrotate's `create`, without the `create`. */
  const rotate = async (): Promise<void> => {
    for (let number = 8; number > 0; number -= 1) {
      await rename(rotated(number), rotated(number + 1)).catch(() => undefined);
    }
    await rename(log, rotated(1));
  };
  const copyTruncate = async (): Promise<void> => {
    for (let number = 8; number > 0; number -= 1) {
      await rename(rotated(number), rotated(number + 1)).catch(() => undefined);
    }
    await copyFile(log, rotated(1));
    await touch(rotated(1));
    await truncate(log);
  };

  it('waits for a log that is not there yet, then reads it from its beginning', async () => {
    await readAll();
    await write(log, 'one', 'two');
    await readAll();
    await write(log, 'three');
    await readAll();
    expect(taken).toEqual(['one', 'two', 'three']);
  });

  it('half a line waits for its other half', async () => {
    await appendFile(log, 'one\ntw');
    await readAll();
    expect(taken).toEqual(['one']);
    await appendFile(log, 'o\n');
    await readAll();
    expect(taken).toEqual(['one', 'two']);
  });

  it('goes on behind the last line that was taken', async () => {
    await write(log, 'one', 'two');
    await readAll();
    await startAgain();
    await write(log, 'three');
    await readAll();
    expect(taken).toEqual(['one', 'two', 'three']);
  });

  it('what is not taken comes again', async () => {
    await write(log, 'one', 'two');
    await expect(follower.step(refuse)).rejects.toThrow('not now');
    await expect(follower.step(refuse)).rejects.toThrow('not now');
    await readAll();
    expect(taken).toEqual(['one', 'two']);
  });

  describe.each(['while it reads', 'while it is away'])('rotation %s', (when) => {
    const again = async (): Promise<void> => {
      if (when === 'while it is away') await startAgain();
      else await readAll();
    };

    it('by rename: the old file to its end, then the new one', async () => {
      await write(log, 'one');
      await readAll();
      await rotate();
      await again();
      // nginx has not heard of it yet.
      await write(rotated(1), 'two');
      await again();
      await write(log, 'three');
      await write(rotated(1), 'late');
      await again();
      await readAll();
      await write(log, 'four');
      await readAll();
      await write(rotated(1), 'later');
      await readAll();
      expect(taken.sort()).toEqual(['four', 'late', 'later', 'one', 'three', 'two']);
    });

    it('by rename, three times', async () => {
      await write(log, 'one');
      await readAll();
      for (const line of ['two', 'three', 'four']) {
        await write(log, line);
        await rotate();
      }
      await write(log, 'five');
      await again();
      await readAll();
      expect(taken).toEqual(['one', 'two', 'three', 'four', 'five']);
    });

    it('by rename to names with dates', async () => {
      await write(log, 'one');
      await readAll();
      await write(log, 'two');
      await rename(log, `${log}-20261121`);
      await write(log, 'three');
      await rename(log, `${log}-20261122`);
      await write(log, 'four');
      await again();
      await readAll();
      expect(taken).toEqual(['one', 'two', 'three', 'four']);
    });

    it('by copytruncate', async () => {
      await write(log, 'one');
      await readAll();
      await write(log, 'two');
      await copyTruncate();
      await again();
      await write(log, 'three');
      await readAll();
      expect(taken).toEqual(['one', 'two', 'three']);
    });

    it('by copytruncate, with more in the log than before when it is noticed', async () => {
      await write(log, 'one');
      await readAll();
      await write(log, 'two');
      await copyTruncate();
      await write(log, 'three', 'four', 'five');
      await again();
      await readAll();
      expect(taken).toEqual(['one', 'two', 'three', 'four', 'five']);
    });

    it('by copytruncate, twice', async () => {
      await write(log, 'one');
      await readAll();
      await write(log, 'two');
      await copyTruncate();
      await write(log, 'three');
      await copyTruncate();
      await write(log, 'four');
      await again();
      await readAll();
      expect(taken).toEqual(['one', 'two', 'three', 'four']);
    });

    it('while copytruncate copies, nothing comes twice', async () => {
      await write(log, 'one');
      await readAll();
      await write(log, 'two');
      await copyFile(log, rotated(1));
      await write(log, 'three');
      await again();
      await readAll();
      expect(taken).toEqual(['one', 'two', 'three']);
    });

    it('the old file is gone: what was rotated since is read', async () => {
      await write(log, 'one');
      await readAll();
      await rotate();
      await again();
      await rm(rotated(1));
      await write(log, 'two');
      await rotate();
      await write(log, 'three');
      await again();
      await readAll();
      expect(taken).toEqual(['one', 'two', 'three']);
    });

    it('what was there before it came is not read', async () => {
      await write(rotated(2), 'old');
      await write(rotated(1), 'older than we');
      await write(`${log}.3.gz`, 'not text');
      await write(log, 'one');
      await readAll();
      await rotate();
      await write(log, 'two');
      await again();
      await readAll();
      expect(taken).toEqual(['one', 'two']);
    });

    it('a file that cannot be read, or is a folder, is in nobody’s way', async () => {
      await write(log, 'one');
      await readAll();
      await mkdir(`${log}.d`);
      await rotate();
      await write(log, 'two');
      await again();
      await readAll();
      expect(taken).toEqual(['one', 'two']);
    });
  });

  it('an old file that has lost its name is read to its end', async () => {
    await write(log, 'one');
    await readAll();
    await write(log, 'two');
    await rename(log, rotated(1));
    await rm(rotated(1));
    await write(log, 'three');
    await readAll();
    expect(taken).toEqual(['one', 'two', 'three']);
  });

  it('a worker of nginx that is slow to hear of the rotation', async () => {
    await write(log, 'one');
    await readAll();
    await rotate();
    await write(log, 'two');
    await readAll();
    await readAll();
    await write(rotated(1), 'late');
    await readAll();
    expect(taken).toEqual(['one', 'two', 'late']);
  });

  it('as long as there is no new file, the old one is read', async () => {
    await write(log, 'one');
    await readAll();
    await rotate();
    await startAgain(0);
    for (const line of ['two', 'three']) {
      await readAll();
      await readAll();
      await write(rotated(1), line);
    }
    await readAll();
    await write(log, 'four');
    await readAll();
    expect(taken).toEqual(['one', 'two', 'three', 'four']);
  });

  it('cut without a copy: goes on at the beginning', async () => {
    await write(log, 'one', 'two');
    await readAll();
    await truncate(log);
    await readAll();
    await write(log, 'three');
    await readAll();
    expect(taken).toEqual(['one', 'two', 'three']);
  });

  it('a file that takes the place and the inode of another is another', async () => {
    await write(log, 'one', 'two');
    await readAll();
    const { ino } = await stat(log);
    await follower.close();
    await rm(log);
    // File systems give the number to the next file; where this one does not, it is simply another file.
    await write(log, 'three', 'four', 'five', 'six');
    const { ino: next } = await stat(log);
    await startAgain();
    await readAll();
    expect(taken, `inode ${ino}, then ${next}`).toEqual(['one', 'two', 'three', 'four', 'five', 'six']);
  });

  it('a file that has lost its end with the power of the machine', async () => {
    await write(log, 'one', 'two', 'three');
    await readAll();
    await truncate(log, 8);
    await startAgain();
    await readAll();
    await write(log, 'four');
    await readAll();
    expect(taken).toEqual(['one', 'two', 'three', 'four']);
  });

  it('an old file that has lingered long enough is let go', async () => {
    await startAgain(0);
    await write(log, 'one');
    await readAll();
    await rotate();
    await write(log, 'two');
    await readAll();
    await readAll();
    expect(position?.files).toHaveLength(2);
    await write(log, 'three');
    await readAll();
    expect(position?.files).toHaveLength(1);
  });

  it('a file that gets its name back', async () => {
    await startAgain(0);
    await write(log, 'one');
    await readAll();
    await rotate();
    await readAll();
    await rename(rotated(1), log);
    await readAll();
    await readAll();
    await write(log, 'two');
    await readAll();
    expect(taken).toEqual(['one', 'two']);
  });

  it('a line without end comes in pieces, in bounded memory; what is no UTF-8 harms nobody', async () => {
    await write(log, 'one');
    await appendFile(log, Buffer.alloc(1024 * 1024, 'x'));
    await readAll();
    expect(Math.max(...taken.map(({ length }) => length))).toBeLessThanOrEqual(128 * 1024);
    taken = [];
    await appendFile(log, Buffer.concat([Buffer.from('\n'), Buffer.from([0xff, 0xfe, 0xc3, 0x0a])]));
    await write(log, 'two');
    await readAll();
    expect(taken.at(-1)).toBe('two');
    expect(taken.at(-2)).toMatch(/^\uFFFD+$/);
  });

  it('whatever is written, rotated, cut off and started again: each line once', async () => {
    type Step = 'write' | 'read' | 'one' | 'rename' | 'copy' | 'again';
    const steps = fc.array(
      fc.constantFrom<Step>('write', 'write', 'read', 'one', 'rename', 'copy', 'again'),
      {
        maxLength: 25,
      },
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        run += 1;
        const own = join(folder, String(run));
        await mkdir(own);
        log = join(own, 'access.log');
        taken = [];
        position = undefined;
        const sent: string[] = [];
        const next = async (): Promise<void> => {
          const line = `${run} ${sent.length} ${'x'.repeat(600 * (sent.length % 2))}`;
          sent.push(line);
          await write(log, line);
        };
        await startAgain();
        // Known before the first rotation: what was there before it came is not read.
        await next();
        await readAll();
        let rotations = 0;
        let hasLooked = true;
        for (const step of all) {
          if (step === 'read' || step === 'one') hasLooked = true;
          if (step === 'again') hasLooked = false;
          if (step === 'write') await next();
          else if (step === 'read') await readAll();
          else if (step === 'one') await follower.step(take);
          else if (step === 'again') await startAgain();
          else if (
            rotations < 8 &&
            (await stat(log).then(
              ({ size }) => size > 0,
              () => false,
            ))
          ) {
            rotations += 1;
            // It looks far more often than anybody rotates.
            if (hasLooked) await follower.step(refuse).catch(() => undefined);
            await (step === 'rename' ? rotate() : copyTruncate());
          }
        }
        await next();
        await readAll();
        expect(taken).toEqual(sent);
      }),
      { numRuns: 300 },
    );
  });

  it('100,000 lines of backlog: in small pieces, with turns for others between them, in a second of work', async () => {
    const line = `${JSON.stringify({ path: '/download/1', rest: 'x'.repeat(360) })}\n`;
    await writeFile(log, line.repeat(100_000));
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns += 1;
      if (!isOver) setImmediate(turn);
    };
    turn();
    const before = process.cpuUsage();
    let steps = 0;
    let count = 0;
    let largest = 0;
    while (
      await follower.step((lines) => {
        count += lines.length;
        largest = Math.max(largest, lines.length);
        return Promise.resolve();
      })
    ) {
      steps += 1;
    }
    isOver = true;
    const { user, system } = process.cpuUsage(before);
    expect(count).toBe(100_000);
    expect(largest * line.length).toBeLessThanOrEqual(128 * 1024);
    expect(turns).toBeGreaterThan(steps);
    expect((user + system) / 1e6).toBeLessThan(1.5);
  });
});
