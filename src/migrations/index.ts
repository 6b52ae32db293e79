import type { MigrationInterface } from 'typeorm';
import { Accounts1763700000000 } from './1763700000000-accounts.js';
import { Files1763700100000 } from './1763700100000-files.js';
import { FileLists1763700200000 } from './1763700200000-file-lists.js';
import { PendingObjects1763700300000 } from './1763700300000-pending-objects.js';
import { Credentials1763700400000 } from './1763700400000-credentials.js';
import { AuditLog1763700500000 } from './1763700500000-audit-log.js';
import { RemovedObjects1763700650000 } from './1763700650000-removed-objects.js';
import { StoreTags1763700600000 } from './1763700600000-store-tags.js';
import { BlobTrash1763700700000 } from './1763700700000-blob-trash.js';
import { GrantLists1763700750000 } from './1763700750000-grant-lists.js';
import { TokenEpochs1763700800000 } from './1763700800000-token-epochs.js';
import { UploadSessions1763700850000 } from './1763700850000-upload-sessions.js';
import { Sweeping1763700900000 } from './1763700900000-sweeping.js';
import { StorageUsage1763700950000 } from './1763700950000-storage-usage.js';
import { DetectedTypes1763700951000 } from './1763700951000-detected-types.js';
import { InstantUploads1763701000000 } from './1763701000000-instant-uploads.js';
import { UploadTails1763701050000 } from './1763701050000-upload-tails.js';

/** In order. Forward only; a later release adds to the end. */
export const migrations: readonly (new () => MigrationInterface)[] = [
  Accounts1763700000000,
  Files1763700100000,
  FileLists1763700200000,
  PendingObjects1763700300000,
  Credentials1763700400000,
  AuditLog1763700500000,
  StoreTags1763700600000,
  RemovedObjects1763700650000,
  BlobTrash1763700700000,
  GrantLists1763700750000,
  TokenEpochs1763700800000,
  UploadSessions1763700850000,
  Sweeping1763700900000,
  StorageUsage1763700950000,
  DetectedTypes1763700951000,
  InstantUploads1763701000000,
  UploadTails1763701050000,
];
