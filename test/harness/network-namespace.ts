import { execFileSync } from 'node:child_process';
import { readlink } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { runChild, spawnChild } from '../../scripts/process/child-processes.mjs';

/** Whether this user may make network namespaces and links between them; in most containers not even root may. */
export const HAS_NETWORK_NAMESPACES = ((): boolean => {
  try {
    execFileSync(
      'unshare',
      ['--net', 'ip', 'link', 'add', 'name', 'one', 'type', 'veth', 'peer', 'name', 'two'],
      {
        stdio: 'ignore',
      },
    );
    return true;
  } catch {
    return false;
  }
})();

/** Networks of four addresses in 198.18.0.0/15, which is kept for tests (RFC 2544). */
const NETWORKS = 2 ** 15;

export interface NetworkNamespace {
  /** Of the only address in it, which this machine alone can reach. */
  readonly address: string;
  /** The command line that runs a program in it; the process is the program itself. */
  enter(file: string, args: readonly string[]): { file: string; args: string[] };
  close(): void;
}

/**
 * A network namespace with an address that is not loopback. It has no name: it lives as long as a process in it, and its link
 * goes with it, so that nothing is left whatever becomes of us. Two runs cannot meet: the link is named after its network, and
 * the kernel refuses the second of one name.
 */
export async function openNetworkNamespace(): Promise<NetworkNamespace> {
  const keeper = spawnChild('unshare', ['--net', 'sleep', 'infinity'], { deathSignal: 'KILL' });
  const { pid } = keeper;
  if (pid === undefined) throw new Error('unshare could not be started');
  const close = (): void => {
    keeper.kill('SIGKILL');
  };
  try {
    const path = `/proc/${pid}/ns/net`;
    const enter = (file: string, args: readonly string[]) => ({
      file: 'nsenter',
      args: [`--net=${path}`, '--', file, ...args],
    });
    await untilAnotherThanOurs(path, () => keeper.exitCode === null);
    const { inside, outside, link } = await connectTo(pid);
    await ip(['addr', 'add', `${outside}/30`, 'dev', link]);
    await ip(['link', 'set', link, 'up']);
    const within = async (args: string[]): Promise<void> => {
      const { file, args: all } = enter('ip', args);
      await run(file, all);
    };
    await within(['addr', 'add', `${inside}/30`, 'dev', 'outside']);
    await within(['link', 'set', 'outside', 'up']);
    await within(['link', 'set', 'lo', 'up']);
    return { address: inside, enter, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** The process is in our namespace until `unshare` has done its work. */
async function untilAnotherThanOurs(path: string, isAlive: () => boolean): Promise<void> {
  const ours = await readlink('/proc/self/ns/net');
  for (let round = 0; round < 500 && isAlive(); round += 1) {
    if ((await readlink(path)) !== ours) return;
    await sleep(10);
  }
  throw new Error('no network namespace has come to be');
}

async function connectTo(pid: number): Promise<{ inside: string; outside: string; link: string }> {
  const used = new Set(
    Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address)),
  );
  for (let attempt = 1; ; attempt += 1) {
    const number = Math.floor(Math.random() * NETWORKS);
    const first = number * 4;
    const address = (last: number): string =>
      `198.${18 + (first >> 16)}.${(first >> 8) & 255}.${(first & 255) + last}`;
    const [outside, inside, link] = [address(1), address(2), `test-${number.toString(36)}`];
    if (used.has(outside) || used.has(inside)) continue;
    try {
      await ip([
        'link',
        'add',
        'name',
        link,
        'type',
        'veth',
        'peer',
        'name',
        'outside',
        'netns',
        String(pid),
      ]);
      return { inside, outside, link };
    } catch (error) {
      if (attempt === 10) throw error;
    }
  }
}

const ip = (args: string[]): Promise<void> => run('ip', args);

async function run(file: string, args: string[]): Promise<void> {
  const { code, output } = await runChild(file, args);
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: ${output.trim()}`);
}
