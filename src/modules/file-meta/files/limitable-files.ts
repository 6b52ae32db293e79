import { Injectable } from '@nestjs/common';
import { notDeliverable, Volumes } from '../../storage/index.js';
import type { StoredFile } from './stored-file.js';

/** Where limits of a download can be kept: not by a store to which clients are always sent (RULES 5.2). */
@Injectable()
export class LimitableFiles {
  constructor(private readonly volumes: Volumes) {}

  /** @throws Problem `not-deliverable` (422) for a file on a volume that is fixed to `redirect` */
  require({ volume }: StoredFile): void {
    if (this.volumes.get(volume).delivery === 'redirect') {
      throw notDeliverable('It is fetched from an object store, which counts and limits nothing.');
    }
  }
}
