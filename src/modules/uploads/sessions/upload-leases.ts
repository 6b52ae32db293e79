import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { UploadSession } from './upload-session.js';

/** Milliseconds between two signs of life. */
const BEAT = 1_000;
/** Milliseconds without one after which somebody else may take the lease, and, much sooner, its holder stops writing. */
export const LAPSE = 10_000;
const STOP = 5_000;
/** Milliseconds between two looks whether it is free. */
const LOOK = 150;

/** The slot of the session as a whole: completing it, or ending it. Chunks have their index. */
export const WHOLE = -1;

/** Another request wants to write the same: the client has given this one up, most likely. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** The right to write one chunk of a session, or to end the session; nobody else has it meanwhile, on any replica. */
export interface Lease {
  /** Its random name in the database. */
  readonly holder: string;
  /** Whether somebody had it before who was taken for dead: he may yet write, if he only stood still. */
  readonly takenOver: boolean;
  /** What he may write does not matter any more: nobody needs to know of him. */
  settle(): void;
  /** Aborted with LeaseLost when it is to be given up. */
  readonly signal: AbortSignal;
  /** To be asked before each write: a process that was stopped for a while does not know how long. @throws LeaseLost */
  assertHeld(): void;
  release(): Promise<void>;
  /** Its row has gone together with a change that wanted it. */
  spend(): void;
}

class HeldLease implements Lease {
  readonly holder = randomUUID();
  takenOver = false;
  private readonly lost = new AbortController();
  /** `performance.now()`, before the last sign of life was sent. */
  seenAt: number;

  constructor(
    /** Whether a newer request may have it. */
    readonly yields: boolean,
    private readonly leases: UploadLeases,
  ) {
    this.seenAt = performance.now();
  }

  get signal(): AbortSignal {
    return this.lost.signal;
  }

  assertHeld(): void {
    if (performance.now() - this.seenAt > STOP) this.lose('without a sign of life for too long');
    this.signal.throwIfAborted();
  }

  lose(why: string): void {
    this.lost.abort(new LeaseLost(why));
  }

  settle(): void {
    this.takenOver = false;
  }

  release(): Promise<void> {
    return this.leases.release(this);
  }

  spend(): void {
    this.leases.forget(this);
  }
}

/**
 * Leases of writers, as rows of PostgreSQL with signs of life. A client whose connection has died sends its bytes again while the old request still
 * waits for more: so a newer request asks the older one to give up, wherever it is. What a dead replica holds lapses.
 */
@Injectable()
export class UploadLeases implements OnApplicationShutdown {
  private readonly held = new Map<string, HeldLease>();
  private timer: NodeJS.Timeout | undefined;

  constructor(@InjectDataSource() private readonly database: DataSource) {}

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /**
   * @param slot index of a chunk, or WHOLE
   * @param yields whether the lease is given up for a newer request; asks the same of the one that has it now
   * @param patience milliseconds
   * @returns undefined when somebody else keeps it for longer than that
   */
  async take(
    { id }: UploadSession,
    slot: number,
    { yields, patience, signal }: { yields: boolean; patience: number; signal: AbortSignal },
  ): Promise<Lease | undefined> {
    const until = performance.now() + patience;
    for (;;) {
      const lease = await this.tryTake(id, slot, yields);
      if (lease !== undefined || performance.now() > until) return lease;
      if (yields) await this.want(id, slot);
      await sleep(LOOK, undefined, { signal });
    }
  }

  /** Whether somebody is at it now. */
  async isHeld({ id }: UploadSession, slot: number): Promise<boolean> {
    const rows = await this.database.query<unknown[]>(
      `SELECT FROM upload_leases WHERE upload_id = $1 AND slot = $2 AND seen_at > now() - make_interval(secs => $3)`,
      [id, slot, LAPSE / 1_000],
    );
    return rows.length > 0;
  }

  /** @returns whether it was held until now */
  forget(lease: HeldLease): boolean {
    const was = this.held.delete(lease.holder);
    if (this.held.size === 0) clearInterval(this.timer);
    return was;
  }

  async release(lease: HeldLease): Promise<void> {
    if (!this.forget(lease)) return;
    // One that was taken over stays, lapsed, so that the next one knows of it too.
    const release = lease.takenOver
      ? `UPDATE upload_leases SET seen_at = '-infinity' WHERE holder = $1`
      : 'DELETE FROM upload_leases WHERE holder = $1';
    // What is not released lapses.
    await this.database.query(release, [lease.holder]).catch(() => undefined);
  }

  private async tryTake(id: string, slot: number, yields: boolean): Promise<Lease | undefined> {
    const lease = new HeldLease(yields, this);
    // PostgreSQL sets xmax when it updates a row, not when it inserts one.
    const [row] = await this.database.query<{ takenOver: boolean }[]>(
      `INSERT INTO upload_leases AS l (upload_id, slot, holder) SELECT s.id, $2, $3 FROM upload_sessions s WHERE s.id = $1
       ON CONFLICT (upload_id, slot) DO UPDATE SET holder = excluded.holder, wanted = false, seen_at = now()
         WHERE l.seen_at < now() - make_interval(secs => $4)
       RETURNING xmax <> 0 AS "takenOver"`,
      [id, slot, lease.holder, LAPSE / 1_000],
    );
    if (row === undefined) return undefined;
    lease.takenOver = row.takenOver;
    if (this.held.size === 0) this.timer = setInterval(() => void this.beat(), BEAT);
    this.held.set(lease.holder, lease);
    return lease;
  }

  private async want(id: string, slot: number): Promise<void> {
    await this.database.query(
      'UPDATE upload_leases SET wanted = true WHERE upload_id = $1 AND slot = $2 AND NOT wanted',
      [id, slot],
    );
  }

  private async beat(): Promise<void> {
    const asked = new Map(this.held);
    const now = performance.now();
    try {
      const [rows] = await this.database.query<[{ holder: string; wanted: boolean }[], number]>(
        'UPDATE upload_leases SET seen_at = now() WHERE holder = ANY ($1::uuid[]) RETURNING holder, wanted',
        [[...asked.keys()]],
      );
      const found = new Map(rows.map(({ holder, wanted }) => [holder, wanted]));
      for (const [holder, lease] of asked) {
        const wanted = found.get(holder);
        if (wanted === undefined) lease.lose('somebody else has it');
        else lease.seenAt = now;
        if (wanted === true && lease.yields) lease.lose('a newer request asks for it');
      }
    } catch {
      for (const lease of asked.values()) {
        if (now - lease.seenAt > STOP) lease.lose('PostgreSQL is away');
      }
    }
  }
}
