import { nameOf } from './audit-facts.js';
import type { AuditEvent } from './audit-event.js';

/** Stands for the sources that are one too many to be told apart. */
const OTHERS = 'other sources';

export interface CountedEvent {
  readonly event: AuditEvent;
  readonly count: number;
  /** When the first of them happened. */
  readonly since: Date;
}

/** Events that differ in nothing but their time become one with a count. Bounded, whoever asks from wherever. */
export class CountedEvents {
  private counts = new Map<string, CountedEvent>();

  /** @param most kinds of events told apart; the others are counted together, by action and detail only */
  constructor(private readonly most: number) {}

  get size(): number {
    return this.counts.size;
  }

  add(event: AuditEvent, count = 1, since = new Date()): void {
    const key = keyOf(event);
    if (this.counts.has(key) || this.counts.size < this.most) {
      this.put(key, { event, count, since });
      return;
    }
    const { action, outcome, detail } = event;
    const other: AuditEvent = { action, outcome, ip: OTHERS, ...(detail && { detail }) };
    this.put(keyOf(other), { event: other, count, since });
  }

  /** All that was counted; from here on it begins anew. */
  take(): CountedEvent[] {
    const taken = [...this.counts.values()];
    this.counts = new Map();
    return taken;
  }

  private put(key: string, { event, count, since }: CountedEvent): void {
    const known = this.counts.get(key);
    if (known === undefined) this.counts.set(key, { event, count, since });
    else {
      const first = known.since < since ? known.since : since;
      this.counts.set(key, { event, count: known.count + count, since: first });
    }
  }
}

function keyOf({ action, user, object, ip, detail }: AuditEvent): string {
  const actor = user && [user.userId, user.credential && nameOf(user.credential)];
  return JSON.stringify([action, actor, object, ip, detail]);
}
