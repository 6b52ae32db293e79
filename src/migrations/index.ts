import type { MigrationInterface } from 'typeorm';
import { Accounts1763700000000 } from './1763700000000-accounts.js';
import { Files1763700100000 } from './1763700100000-files.js';
import { FileLists1763700200000 } from './1763700200000-file-lists.js';
import { PendingObjects1763700300000 } from './1763700300000-pending-objects.js';

/** In order. Forward only; a later release adds to the end. */
export const migrations: readonly (new () => MigrationInterface)[] = [
  Accounts1763700000000,
  Files1763700100000,
  FileLists1763700200000,
  PendingObjects1763700300000,
];
