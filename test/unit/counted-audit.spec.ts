import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DatabaseConnectionError } from '../../src/common/database/deadline-client.js';
import type { AuditEvent } from '../../src/modules/auth/audit/audit-event.js';
import type { AuditTrail } from '../../src/modules/auth/audit/audit-trail.js';
import { CountedEvents } from '../../src/modules/auth/audit/counted-events.js';
import { CountedAudit } from '../../src/modules/auth/audit/counted-audit.js';
import type { UserPrincipal } from '../../src/modules/auth/index.js';

/** Stands for a PostgreSQL that can be away, or slow, at will. */
class FakeAuditTrail {
  readonly written: AuditEvent[] = [];
  failure: Error | undefined;
  /** How many INSERTs are on their way, now and at most. */
  running = 0;
  most = 0;
  private gate = Promise.resolve();

  close(): () => void {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.gate = promise.then(() => undefined);
    return () => {
      resolve(undefined);
    };
  }

  async note(...events: readonly AuditEvent[]): Promise<void> {
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    await this.gate;
    this.running -= 1;
    if (this.failure !== undefined) throw this.failure;
    this.written.push(...events);
  }
}

const away = new DatabaseConnectionError('away');
const user: UserPrincipal = {
  kind: 'user',
  userId: '7',
  userUid: 'u',
  tenantId: '1',
  role: 'user',
  email: 'a@example.com',
  limits: {},
  credential: { kind: 'session', id: 's', epoch: 0 },
};
const from = (ip: string, requestId = 'r') => ({ ip, requestId, userAgent: '' });
const refusal = { code: 'unauthenticated', route: 'GET /x' };

describe('refusals', () => {
  let audit: FakeAuditTrail;
  let refusals: CountedAudit;

  beforeEach(() => {
    Logger.overrideLogger(false);
    vi.useFakeTimers({ now: Date.UTC(2027, 0, 1) });
    audit = new FakeAuditTrail();
    refusals = new CountedAudit(audit as unknown as AuditTrail);
  });
  afterEach(async () => {
    audit.failure = undefined;
    await refusals.onApplicationShutdown();
    vi.useRealTimers();
  });
  const minute = () => vi.advanceTimersByTimeAsync(60_000);
  const counts = () => audit.written.map(({ ip, count }) => [ip, count]);

  it('anonymous ones are written once a minute, by source, code and route', async () => {
    for (let round = 0; round < 5; round += 1) {
      refusals.ofAnonymous(from('192.0.2.1'), refusal);
      refusals.ofAnonymous(from('2001:db8::1'), refusal);
      refusals.ofAnonymous(from('2001:db8::2'), refusal);
    }
    refusals.ofAnonymous(from('192.0.2.1'), { ...refusal, route: 'GET /y' });
    refusals.ofAnonymous(from('192.0.2.1'), { ...refusal, code: 'forbidden' });
    expect(audit.written).toEqual([]);
    await minute();
    expect(counts()).toEqual([
      ['192.0.2.1', 5],
      ['2001:db8:0:0::/64', 10],
      ['192.0.2.1', 1],
      ['192.0.2.1', 1],
    ]);
    expect(audit.written[0]).toMatchObject({ detail: { ...refusal, since: '2027-01-01T00:00:00.000Z' } });
    await minute();
    expect(audit.written).toHaveLength(4);
    refusals.ofAnonymous(from('192.0.2.1'), refusal);
    await minute();
    expect(audit.written[4]).toMatchObject({ count: 1, detail: { since: '2027-01-01T00:02:00.000Z' } });
  });

  it('what PostgreSQL does not take goes on to the next minute, with what came meanwhile', async () => {
    refusals.ofAnonymous(from('192.0.2.1'), refusal);
    refusals.ofUser(user, from('192.0.2.9', 'known'), refusal);
    audit.failure = away;
    await minute();
    await minute();
    refusals.ofAnonymous(from('192.0.2.1'), refusal);
    refusals.ofAnonymous(from('192.0.2.2'), refusal);
    await minute();
    audit.failure = undefined;
    await minute();
    expect(counts()).toEqual([
      ['192.0.2.9', undefined],
      ['192.0.2.1', 2],
      ['192.0.2.2', 1],
    ]);
    expect(audit.written[0]?.requestId).toBe('known');
    expect(audit.written[1]?.detail?.since).toBe('2027-01-01T00:00:00.000Z');
  });

  it('what it will never take does not keep back the rest', async () => {
    audit.failure = new Error('no such column');
    refusals.ofUser(user, from('192.0.2.1', 'first'), refusal);
    await vi.advanceTimersByTimeAsync(0);
    audit.failure = undefined;
    refusals.ofUser(user, from('192.0.2.1', 'second'), refusal);
    await vi.advanceTimersByTimeAsync(0);
    expect(audit.written.map(({ requestId }) => requestId)).toEqual(['second']);
  });

  it('known callers take one connection, are written in order, and are counted when they are too many', async () => {
    const open = audit.close();
    for (let round = 0; round < 1_500; round += 1)
      refusals.ofUser(user, from('192.0.2.1', `r${round}`), refusal);
    open();
    await vi.advanceTimersByTimeAsync(0);
    expect(audit.most).toBe(1);
    expect(audit.written.map(({ requestId }) => requestId)).toEqual(
      Array.from({ length: 1_000 }, (_, place) => `r${place}`),
    );
    await minute();
    expect(audit.written).toHaveLength(1_001);
    expect(audit.written[1_000]).toMatchObject({ user, count: 500, detail: refusal });
    expect(audit.written[1_000]).not.toHaveProperty('requestId');
  });

  it('a slow flush is not joined by a second one', async () => {
    const open = audit.close();
    refusals.ofAnonymous(from('192.0.2.1'), refusal);
    await minute();
    refusals.ofAnonymous(from('192.0.2.1'), refusal);
    await minute();
    expect(audit.most).toBe(1);
    open();
    await minute();
    expect(counts()).toEqual([
      ['192.0.2.1', 1],
      ['192.0.2.1', 1],
    ]);
  });

  it('the end of the process waits for the flush that runs, and writes what came after it', async () => {
    const open = audit.close();
    refusals.ofAnonymous(from('192.0.2.1'), refusal);
    await minute();
    refusals.ofAnonymous(from('192.0.2.2'), refusal);
    refusals.ofUser(user, from('192.0.2.3'), refusal);
    const ended = refusals.onApplicationShutdown();
    open();
    await ended;
    expect(counts()).toEqual([
      ['192.0.2.1', 1],
      ['192.0.2.3', undefined],
      ['192.0.2.2', 1],
    ]);
  });
});

describe('counted events', () => {
  const event = (ip: string): AuditEvent => ({
    action: 'login',
    outcome: 'refused',
    ip,
    tenantId: '1',
    object: { kind: 'user', id: '7' },
  });

  it('are bounded: further sources are counted together, and name no account', () => {
    const counted = new CountedEvents(100);
    for (let source = 0; source < 1_000; source += 1) counted.add(event(`ip ${source}`));
    for (let source = 0; source < 100; source += 1) counted.add(event(`ip ${source}`));
    expect(counted.size).toBe(101);
    const taken = counted.take();
    expect(taken.slice(0, 100).every(({ count }) => count === 2)).toBe(true);
    expect(taken[100]).toMatchObject({
      count: 900,
      event: { action: 'login', outcome: 'refused', ip: 'other sources' },
    });
    expect(taken[100]?.event).not.toHaveProperty('object');
    expect(taken[100]?.event).not.toHaveProperty('tenantId');
    expect(counted.size).toBe(0);
  });

  it('that are given back to a full counter are not lost', () => {
    const counted = new CountedEvents(2);
    counted.add(event('a'), 5);
    counted.add(event('b'), 6);
    const taken = counted.take();
    for (const ip of ['c', 'd']) counted.add(event(ip));
    for (const { event: back, count, since } of taken) counted.add(back, count, since);
    expect(counted.take().map(({ event: { ip }, count }) => [ip, count])).toEqual([
      ['c', 1],
      ['d', 1],
      ['other sources', 11],
    ]);
  });
});
