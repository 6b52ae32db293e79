import { stat } from 'node:fs/promises';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { AuthConfig } from '../../../common/config/config.js';
import type { JwtSecret } from '../../../common/config/jwt-secrets.js';
import { readJwtSecrets } from '../../../common/config/load-config.js';

/** Milliseconds between two looks at the file. */
const LOOK_EVERY = 2_000;

/** The keys of our signatures, as the file has them now (RULES 10.2). */
@Injectable()
export class SigningKeys implements OnApplicationShutdown {
  private readonly logger = new Logger(SigningKeys.name);
  private secrets: readonly JwtSecret[];
  private readonly listeners: (() => void)[] = [];
  private readonly timer: NodeJS.Timeout | undefined;
  private seen: string | undefined;

  constructor(private readonly config: AuthConfig) {
    this.secrets = config.jwtSecrets;
    if (config.jwtSecretsFile === undefined) return;
    this.timer = setInterval(() => void this.look(), LOOK_EVERY).unref();
  }

  /** @returns the key that signs now @throws Error when every key has run out */
  current(): JwtSecret {
    const current = this.usable()[0];
    if (current === undefined) throw new Error('every secret of JWT_SECRETS has run out');
    return current;
  }

  find(kid: string): JwtSecret | undefined {
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

  private async look(): Promise<void> {
    const file = this.config.jwtSecretsFile;
    if (file === undefined) return;
    try {
      // A mounted secret is a link that is pointed elsewhere: another inode.
      const { mtimeMs, size, ino } = await stat(file.path);
      const seen = `${mtimeMs} ${size} ${ino}`;
      if (seen === this.seen) return;
      const secrets = readJwtSecrets(file);
      this.seen = seen;
      if (JSON.stringify(secrets) === JSON.stringify(this.secrets)) return;
      this.secrets = secrets;
      for (const listener of this.listeners) listener();
      this.logger.log(`${file.variable} has changed: ${secrets.map(({ kid }) => kid).join(', ')}`);
    } catch (error) {
      this.logger.error(`${file.variable}_FILE has changed and is not used: ${String(error)}`);
    }
  }
}
