import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { databaseProblem } from '../../../common/database/index.js';
import { addressBlock } from '../../../common/http/index.js';
import type { Origin } from '../principals/actor.js';
import type { UserPrincipal } from '../principals/principal.js';
import type { AuditEvent, AuditedUser } from './audit-event.js';
import { AuditTrail } from './audit-trail.js';
import { type CountedEvent, CountedEvents } from './counted-events.js';

/** Milliseconds. */
const MINUTE = 60_000;
/** Milliseconds that an end of the process waits for PostgreSQL. */
const LAST_CHANCE = 5_000;
const LATE = Symbol('LATE');

/** Sources, codes and routes told apart within a minute. */
const MAX_COUNTED = 10_000;
/** Refusals of known callers that wait for their turn; what is beyond is counted. */
const MAX_WAITING = 1_000;
/** Rows of one INSERT. */
const BATCH = 500;

/** A request that was refused, as far as it matters here. */
export interface Refusal {
  readonly code: string;
  /** The route's pattern, never its parameters. */
  readonly route: string;
}

/**
 * What happens too often to be written by itself. Refusals of callers that are known are written one by one; those of anonymous callers are counted per minute and source, so
 * that nobody fills the table who needs no account for it (RULES 9). Whatever the number, they take one connection each.
 */
@Injectable()
export class CountedAudit implements OnApplicationShutdown {
  private readonly logger = new Logger(CountedAudit.name);
  private readonly counted = new CountedEvents(MAX_COUNTED);
  private readonly waiting: AuditEvent[] = [];
  private writing: Promise<void> | undefined;
  private flushing: Promise<void> | undefined;
  private readonly timer = setInterval(() => void this.flush(), MINUTE).unref();

  constructor(private readonly audit: AuditTrail) {}

  /** @param user whose password it was not, when there is such an account */
  wrongLogin({ ip }: Origin, user: AuditedUser | undefined): void {
    this.counted.add({
      action: 'login',
      outcome: 'refused',
      ip: addressBlock(ip),
      tenantId: user?.tenantId,
      object: user && { kind: 'user', id: user.userId },
    });
  }

  ofUser(user: UserPrincipal, { ip, requestId }: Origin, detail: Refusal): void {
    const event: AuditEvent = { action: 'refusal', outcome: 'refused', user, detail: { ...detail } };
    if (this.waiting.length >= MAX_WAITING) {
      this.counted.add(event);
      return;
    }
    this.waiting.push({ ...event, ip, requestId });
    void this.writeWaiting();
  }

  ofAnonymous({ ip }: Origin, detail: Refusal): void {
    this.counted.add({
      action: 'refusal',
      outcome: 'refused',
      ip: addressBlock(ip),
      detail: { ...detail },
    });
  }

  /** Of who came with a download token, which needs no account: counted with its minter. */
  ofToken(minter: UserPrincipal, { ip }: Origin, detail: Refusal): void {
    this.counted.add({
      action: 'refusal',
      outcome: 'refused',
      user: minter,
      ip: addressBlock(ip),
      detail: { ...detail },
    });
  }

  /** A download that a token has opened. */
  tokenUse(minter: UserPrincipal, tokenId: string, ip: string): void {
    this.counted.add({
      action: 'token.use',
      outcome: 'ok',
      user: minter,
      object: { kind: 'token', id: tokenId },
      ip: addressBlock(ip),
    });
  }

  /** The server listens no more and every answer is out; the connections to PostgreSQL are closed after this. */
  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    const done = await Promise.race([
      this.flushing?.then(() => this.flush()) ?? this.flush(),
      sleep(LAST_CHANCE, LATE, { ref: false }),
    ]);
    if (done === LATE || this.waiting.length > 0 || this.counted.size > 0) {
      this.logger.error('the last refusals are not in the audit: PostgreSQL is not available');
    }
  }

  private flush(): Promise<void> {
    this.flushing ??= this.writeAll().finally(() => {
      this.flushing = undefined;
    });
    return this.flushing;
  }

  private async writeAll(): Promise<void> {
    await this.writeWaiting();
    const counted = this.counted.take();
    while (counted.length > 0) {
      if (!(await this.write(counted.slice(0, BATCH).map(toEvent)))) break;
      counted.splice(0, BATCH);
    }
    // They are told with those of the next minute.
    for (const { event, count, since } of counted) this.counted.add(event, count, since);
  }

  private writeWaiting(): Promise<void> {
    this.writing ??= this.writeQueue().finally(() => {
      this.writing = undefined;
    });
    return this.writing;
  }

  private async writeQueue(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.slice(0, BATCH);
      if (!(await this.write(batch))) return;
      this.waiting.splice(0, batch.length);
    }
  }

  /** @returns false when they are to be written later */
  private async write(events: readonly AuditEvent[]): Promise<boolean> {
    try {
      await this.audit.note(...events);
    } catch (error) {
      if (databaseProblem(error) !== undefined) {
        this.logger.warn(`${events.length} rows of refusals wait for PostgreSQL: ${String(error)}`);
        return false;
      }
      // It would not be taken another time either, and keep back all that come after.
      this.logger.error(`${events.length} rows of refusals cannot be written: ${String(error)}`);
    }
    return true;
  }
}

function toEvent({ event, count, since }: CountedEvent): AuditEvent {
  return { ...event, count, detail: { ...event.detail, since: since.toISOString() } };
}
