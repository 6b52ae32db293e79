import { constants, setPriority } from 'node:os';
import { hashSync, verifySync } from '@node-rs/argon2';

/** Runs in a worker thread of `PasswordHasher`, one task at a time. */
export type Argon2Task =
  | { readonly kind: 'hash'; readonly password: string }
  | { readonly kind: 'verify'; readonly hash: string; readonly password: string };

/** OWASP's second choice for argon2id (the library's default variant): 19 MiB, 2 passes, 1 lane. */
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

// Of this thread alone (Linux counts threads here): a storm of logins leaves the cores to the downloads.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

export default function run(task: Argon2Task): string | boolean {
  return task.kind === 'hash' ? hashSync(task.password, OPTIONS) : verifySync(task.hash, task.password);
}
