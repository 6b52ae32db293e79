import type { Volume } from '../../storage/index.js';
import type { Lease } from '../sessions/upload-leases.js';
import type { UploadSession } from '../sessions/upload-session.js';
import { uploadNotFound } from '../uploads.problems.js';
import type { Advance, Progress, TusProgress } from './tus-progress.repository.js';

/**
 * Keeps account of what one request has brought: at once, or, where its checksum is to be compared first, all together. A tail that
 * something newer has taken the place of is removed; one that a crash keeps from being removed goes with the upload.
 */
export class ReceivedBytes {
  /** What is in the database. */
  private kept: Progress;
  private pending: Advance | undefined;

  /** @param atOnce whether each step counts as soon as it is there */
  constructor(
    private readonly progress: TusProgress,
    private readonly session: UploadSession,
    private readonly volume: Volume,
    private readonly lease: Lease,
    from: Progress,
    private readonly atOnce: boolean,
    private readonly onKept: (received: number) => void,
  ) {
    this.kept = from;
  }

  get latest(): Progress {
    return this.pending ?? this.kept;
  }

  /** All bytes before `received` are there for good. @throws Problem `upload-not-found` (404), LeaseLost */
  async advance(next: Advance): Promise<void> {
    const before = this.pending;
    this.pending = { ...next, parts: [...(before?.parts ?? []), ...next.parts] };
    if (before !== undefined) this.removeTail(before, next);
    if (this.atOnce) await this.keep();
  }

  /** What has been held back counts from now on. */
  async keep(): Promise<void> {
    const { pending, kept } = this;
    if (pending === undefined) return;
    if (!(await this.progress.advance(this.session, this.lease, kept, pending))) {
      this.lease.assertHeld();
      throw uploadNotFound();
    }
    this.kept = pending;
    this.pending = undefined;
    this.removeTail(kept, pending);
    this.onKept(pending.received);
  }

  /** What does not count now never will. */
  forget(): void {
    if (this.pending !== undefined) this.removeTail(this.pending, this.kept);
    this.pending = undefined;
  }

  private removeTail({ tail }: Progress, { tail: next }: Progress): void {
    if (tail === null || tail === next || this.volume.driver !== 's3') return;
    this.volume.tails.remove(this.session.objectKey, tail).catch(() => undefined);
  }
}
