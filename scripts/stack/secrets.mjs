import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Generated secrets of a data folder, one file (0600) each.
 */
export class Secrets {
  /** @param {string} dataDir */
  constructor(dataDir) {
    this.folder = join(dataDir, 'secrets');
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
  }

  /**
   * @param {string} name
   * @returns {string}
   */
  pathOf(name) {
    return join(this.folder, name);
  }

  /**
   * @param {string} name
   * @returns {string | undefined}
   */
  read(name) {
    try {
      return readFileSync(this.pathOf(name), 'utf8').trim() || undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * The secret of that name; a new one is generated, and kept, when there is none.
   * @param {string} name
   * @param {() => string} [generate] default: 32 random bytes, hex
   * @returns {{ value: string, isNew: boolean }}
   */
  ensure(name, generate = () => randomBytes(32).toString('hex')) {
    const kept = this.read(name);
    if (kept !== undefined) return { value: kept, isNew: false };
    const value = generate();
    this.keep(name, value);
    return { value, isNew: true };
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  keep(name, value) {
    // Renamed into place: a half-written secret would be taken for the whole one.
    writeFileSync(`${this.pathOf(name)}.new`, `${value}\n`, { mode: 0o600 });
    renameSync(`${this.pathOf(name)}.new`, this.pathOf(name));
  }

  /** @param {string} name */
  remove(name) {
    rmSync(this.pathOf(name), { force: true });
  }
}

/** @returns {string} a password that a person can read off a screen: 120 bits in five groups */
export function readablePassword() {
  // Crockford's letters: none that look alike.
  const letters = '0123456789abcdefghjkmnpqrstvwxyz';
  const text = [...randomBytes(24)].map((byte) => letters[byte % letters.length]).join('');
  return text.replace(/(.{5})(?=.)/g, '$1-');
}
