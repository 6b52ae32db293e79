import { afterAll, beforeAll, expect } from 'vitest';
import type { Answer } from './http.js';
import { Api } from './api.js';
import { type AuditEntry, SELECT_AUDIT } from './audit.js';
import { type OwnStack, useOwnStack } from './own-stack.js';
import { Seed } from './seed.js';

/** An application of its own whose refusals a suite counts; asked past nginx, with sources as a proxy tells them. */
export class RefusalsLab {
  readonly own: OwnStack = useOwnStack({
    SHUTDOWN_DELAY: '0',
    RATE_LIMIT_API: '1000000',
    RATE_LIMIT_LOGINS: '1000000',
  });
  seed!: Seed;

  /** Call it in a suite's body. */
  constructor() {
    beforeAll(() => {
      this.seed = Seed.open(this.own.stack);
    });
    afterAll(() => this.seed.close());
  }

  get app(): Api {
    return new Api(this.own.stack.appUrl);
  }

  ask(ip: string, path: string, token?: string, method = 'GET'): Promise<Answer> {
    return this.app.as(token).send(path, { method, headers: { 'X-Forwarded-For': ip } });
  }

  /** SIGTERM. @returns milliseconds until the process was gone */
  async end(): Promise<number> {
    const since = performance.now();
    this.own.stack.app?.kill('SIGTERM');
    expect(await this.own.stack.app?.exited).toEqual({ code: 0, signal: null });
    return performance.now() - since;
  }

  async lastId(): Promise<string | undefined> {
    return (await this.seed.query<{ id: string }>('SELECT max(id) AS id FROM audit_log'))[0]?.id;
  }

  rowsAfter(id: string | undefined, action: string): Promise<(AuditEntry & Record<string, unknown>)[]> {
    return this.seed.query(
      `${SELECT_AUDIT} WHERE id > $1 AND action = $2 AND outcome = 'refused' ORDER BY id`,
      [id, action],
    );
  }
}
