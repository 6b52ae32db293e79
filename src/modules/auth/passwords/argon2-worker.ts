import { hashSync, verifySync } from '@node-rs/argon2';

/** Runs in a worker thread of `PasswordHasher`, one task at a time. */
export type Argon2Task =
  | { readonly kind: 'hash'; readonly password: string }
  | { readonly kind: 'verify'; readonly hash: string; readonly password: string };

/** OWASP's second choice for argon2id (the library's default variant): 19 MiB, 2 passes, 1 lane. */
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export default function run(task: Argon2Task): string | boolean {
  return task.kind === 'hash' ? hashSync(task.password, OPTIONS) : verifySync(task.hash, task.password);
}
