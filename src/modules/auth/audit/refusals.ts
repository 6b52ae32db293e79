import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { addressBlock } from '../../../common/http/index.js';
import type { Origin } from '../principals/actor.js';
import type { UserPrincipal } from '../principals/principal.js';
import type { AuditEvent, AuditedUser } from './audit-event.js';
import { AuditTrail } from './audit-trail.js';

/** Milliseconds. */
const MINUTE = 60_000;

/** Sources told apart within a minute; the others are counted together. */
const MAX_SOURCES = 10_000;
const OTHERS = 'other sources';

/** A request that was refused, as far as it matters here. */
export interface Refusal {
  readonly code: string;
  /** The route's pattern, never its parameters. */
  readonly route: string;
  readonly objectId?: string | undefined;
}

/**
 * Refusals of callers that are known are written one by one; those of anonymous callers are counted per minute and source, so
 * that nobody fills the table who needs no account for it (RULES 9).
 */
@Injectable()
export class Refusals implements OnApplicationShutdown {
  private readonly logger = new Logger(Refusals.name);
  private counted = new Map<string, { event: AuditEvent; count: number }>();
  private readonly timer = setInterval(() => void this.flush(), MINUTE).unref();

  constructor(private readonly audit: AuditTrail) {}

  /** @param user whose password it was not, when there is such an account */
  wrongLogin({ ip }: Origin, user: AuditedUser | undefined): void {
    this.count({
      action: 'login',
      outcome: 'refused',
      ip: addressBlock(ip),
      tenantId: user?.tenantId,
      object: user && { kind: 'user', id: user.userId },
    });
  }

  ofUser(user: UserPrincipal, { ip, requestId }: Origin, { code, route }: Refusal): void {
    const event: AuditEvent = {
      action: 'refusal',
      outcome: 'refused',
      user,
      ip,
      requestId,
      detail: { code, route },
    };
    this.audit.note(event).catch((error: unknown) => {
      this.logger.warn(`a refusal is not in the audit: ${String(error)}`);
    });
  }

  ofAnonymous({ ip }: Origin, { code, route }: Refusal): void {
    this.count({
      action: 'refusal',
      outcome: 'refused',
      ip: addressBlock(ip),
      detail: { code, route },
    });
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  private count(event: AuditEvent): void {
    const known = this.counted.has(keyOf(event)) || this.counted.size < MAX_SOURCES;
    const told = known ? event : { ...event, ip: OTHERS, object: undefined, tenantId: undefined };
    const key = keyOf(told);
    const entry = this.counted.get(key);
    if (entry === undefined) this.counted.set(key, { event: told, count: 1 });
    else entry.count += 1;
  }

  private async flush(): Promise<void> {
    const counted = this.counted;
    this.counted = new Map();
    for (const [key, { event, count }] of counted) {
      try {
        await this.audit.note({ ...event, count });
      } catch (error) {
        // PostgreSQL is away: they are told with those of the next minute.
        const next = this.counted.get(key);
        if (next !== undefined) next.count += count;
        else if (this.counted.size < MAX_SOURCES) this.counted.set(key, { event, count });
        this.logger.debug(`refusals are not in the audit yet: ${String(error)}`);
      }
    }
  }
}

function keyOf({ action, ip, object, detail }: AuditEvent): string {
  return JSON.stringify([action, ip, object?.id, detail?.code, detail?.route]);
}
