import { statSync } from 'node:fs';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { AuthConfig, type JwtSecretsFile } from '../../../common/config/config.js';
import type { JwtSecret } from '../../../common/config/jwt-secrets.js';
import { readJwtSecrets } from '../../../common/config/load-config.js';
import { unavailable } from '../../../common/problems/index.js';

/** Milliseconds between two looks at the file. */
const LOOK_EVERY = 1_000;
/** The same, when a token names a key that we do not know: another replica may have seen the new file first. */
const LOOK_AT_MOST_EVERY = 500;

/** The keys of our signatures, as the file has them now (RULES 10.2). */
@Injectable()
export class SigningKeys implements OnApplicationShutdown {
  private readonly logger = new Logger(SigningKeys.name);
  private secrets: readonly JwtSecret[];
  private readonly listeners: (() => void)[] = [];
  private readonly file: JwtSecretsFile | undefined;
  private readonly timer: NodeJS.Timeout | undefined;
  private seen: string | undefined;
  private lookedAt = 0;

  constructor(config: AuthConfig) {
    this.secrets = config.jwtSecrets;
    this.file = config.jwtSecretsFile;
    if (this.file === undefined) return;
    this.timer = setInterval(() => {
      this.look();
    }, LOOK_EVERY).unref();
  }

  /** @returns the key that signs now @throws Problem `dependency-unavailable` (503) when every key has run out */
  current(): JwtSecret {
    const current = this.usable()[0];
    if (current === undefined) {
      throw unavailable('a signing key', new Error('every secret of JWT_SECRETS has run out'));
    }
    return current;
  }

  find(kid: string): JwtSecret | undefined {
    const known = this.usable().find((key) => key.kid === kid);
    if (known !== undefined || Date.now() - this.lookedAt < LOOK_AT_MOST_EVERY) return known;
    this.look();
    return this.usable().find((key) => key.kid === kid);
  }

  /** All that verify now, the signing one first. */
  usable(): readonly JwtSecret[] {
    const now = Date.now();
    return this.secrets.filter(({ notAfter }) => notAfter === undefined || notAfter.getTime() > now);
  }

  /** @param listener called when a key may be gone or another one */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    this.lookedAt = Date.now();
    if (this.file === undefined) return;
    try {
      // A mounted secret is a link that is pointed elsewhere: another inode.
      const { mtimeMs, size, ino } = statSync(this.file.path);
      const seen = `${mtimeMs} ${size} ${ino}`;
      if (seen === this.seen) return;
      this.seen = seen;
      this.use(readJwtSecrets(this.file), this.file);
    } catch (error) {
      this.logger.error(`${this.file.variable}_FILE is not used as it is now: ${String(error)}`);
    }
  }

  private use(secrets: readonly JwtSecret[], { variable }: JwtSecretsFile): void {
    if (JSON.stringify(secrets) === JSON.stringify(this.secrets)) return;
    this.secrets = secrets;
    for (const listener of this.listeners) listener();
    this.logger.log(`${variable} has changed; its keys: ${secrets.map(({ kid }) => kid).join(', ')}`);
  }
}
