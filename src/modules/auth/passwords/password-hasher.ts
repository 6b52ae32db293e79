import { extname } from 'node:path';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Piscina } from 'piscina';
import { tooManyLogins } from '../auth.problems.js';
import type { Argon2Task } from './argon2-worker.js';

/** At most this many hashes at once, each on a core and 19 MiB of its own (RULES 9). */
const THREADS = 2;
const QUEUE = 32;

/**
 * Argon2id in threads of its own: in libuv's pool a storm of logins would hold up every file system call, and with it
 * every upload and stream.
 */
@Injectable()
export class PasswordHasher implements OnApplicationShutdown {
  private readonly pool = new Piscina({
    filename: new URL(`./argon2-worker${extname(import.meta.url)}`, import.meta.url).href,
    minThreads: 0,
    maxThreads: THREADS,
    maxQueue: QUEUE,
    idleTimeout: 30_000,
  });
  private decoy: Promise<string> | undefined;

  /** @throws Problem `too-many-requests` (429) when the queue is full */
  hash(password: string): Promise<string> {
    return this.run<string>({ kind: 'hash', password: composed(password) });
  }

  /**
   * @param hash null: there is none, since there is no such account or it has no password. That takes the same work, so that it
   * cannot be timed, and is always wrong
   * @throws Problem `too-many-requests` (429) when the queue is full
   */
  async verify(hash: string | null, password: string): Promise<boolean> {
    const verify = (known: string) =>
      this.run<boolean>({ kind: 'verify', hash: known, password: composed(password) });
    if (hash !== null) return verify(hash);
    this.decoy ??= this.hash('').catch((error: unknown) => {
      this.decoy = undefined;
      throw error;
    });
    await verify(await this.decoy);
    return false;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.destroy();
  }

  private async run<T>(task: Argon2Task): Promise<T> {
    if (this.pool.queueSize >= QUEUE) throw tooManyLogins();
    return (await this.pool.run(task)) as T;
  }
}

/** The same letters, however a keyboard has put them together (RFC 8265 §4.2.2). */
function composed(password: string): string {
  return password.normalize('NFC');
}
