import { Injectable } from '@nestjs/common';
import { BlobTrash } from '../blobs/blob-trash.js';
import { PendingObjects } from '../blobs/pending-objects.js';
import { ExpiredFiles } from './expired-files.js';
import { LeftoverWrites } from './leftover-writes.js';
import type { SweepStep } from './sweep-step.js';
import { UnreferencedBlobs } from './unreferenced-blobs.js';

/** The steps of a sweep, in their order: what one lets go of is found by those behind it. */
@Injectable()
export class SweepSteps {
  private readonly added: SweepStep[] = [];
  private readonly own: readonly SweepStep[];

  constructor(
    expired: ExpiredFiles,
    unreferenced: UnreferencedBlobs,
    pending: PendingObjects,
    trash: BlobTrash,
    leftovers: LeftoverWrites,
  ) {
    this.own = [expired, unreferenced, pending, trash, leftovers];
  }

  /** For modules above this one, while the application starts. Theirs come first. */
  add(step: SweepStep): void {
    this.added.push(step);
  }

  all(): readonly SweepStep[] {
    return [...this.added, ...this.own];
  }
}
