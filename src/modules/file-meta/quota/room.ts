import type { Problem } from '../../../common/problems/index.js';
import type { Role } from '../../auth/index.js';
import { quotaExceeded } from '../file-meta.problems.js';

/** What the files of a user, or of a tenant, have, and what they may have; bytes. */
export interface Account {
  readonly used: number;
  /** By unfinished uploads. */
  readonly reserved: number;
  /** Null: no limit. */
  readonly quota: number | null;
  readonly openSessions: number;
}

export interface Accounts {
  readonly tenant: Account;
  readonly user: Account;
}

/** Bytes that still fit. A quota of nothing takes no file at all, not even an empty one: -1. */
export function roomLeft({ used, reserved, quota }: Account): number {
  if (quota === null) return Infinity;
  return quota === 0 ? -1 : Math.max(quota - used - reserved, 0);
}

/**
 * What is in the way of a file of that size; undefined: nothing. What a tenant has is the business of its admins: others hear only
 * that there is no room.
 */
export function quotaInTheWay({ tenant, user }: Accounts, role: Role, size: number): Problem | undefined {
  if (size > roomLeft(user)) return quotaExceeded(`Your files may have ${leftOf(user)}`);
  if (size <= roomLeft(tenant)) return undefined;
  return quotaExceeded(
    role === 'user'
      ? 'Your tenant has no room for it: ask an admin.'
      : `The files of the tenant may have ${leftOf(tenant)}`,
  );
}

function leftOf(account: Account): string {
  const left = Math.max(roomLeft(account), 0);
  return `${String(account.quota)} bytes together, unfinished uploads included: ${left} are left.`;
}
