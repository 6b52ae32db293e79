import { ANONYMOUS, isLimited, type Principal, type UserPrincipal } from '../../auth/index.js';
import type { DownloadToken } from '../../tokens/index.js';

/** Who downloads, and under what limits. */
export interface Caller {
  /** Whose right on the file decides: the caller's own, or that of who minted its token. */
  readonly principal: Principal;
  readonly token: DownloadToken | undefined;
  /** For whom it is counted (RULES 1.2): `user:42`, `token:…`, `ip:…`. */
  readonly subject: string;
  /** Whose bytes flow through one bucket: the user, the token's minter, the address. */
  readonly bandwidthSubject: string;
  readonly limits: CallerLimits;
}

export interface CallerLimits {
  readonly maxConcurrent: number;
  /** Bytes per second; 0: none. */
  readonly transferRate: number;
  readonly userRate: number;
  /** Whether its downloads must pass here (RULES 5.2). */
  readonly limited: boolean;
}

interface Defaults {
  readonly maxConcurrent: number;
  readonly transferRate: number;
  readonly userRate: number;
}

export function userCaller(user: UserPrincipal, defaults: Defaults): Caller {
  const subject = `user:${user.userId}`;
  return {
    principal: user,
    token: undefined,
    subject,
    bandwidthSubject: subject,
    limits: limitsOf(user, defaults),
  };
}

/** @param block the address, or the /64 of an IPv6 address */
export function anonymousCaller(block: string, defaults: Defaults): Caller {
  const subject = `ip:${block}`;
  return {
    principal: ANONYMOUS,
    token: undefined,
    subject,
    bandwidthSubject: subject,
    limits: limitsOf(undefined, defaults),
  };
}

/** The rates are those of the minter (RULES 4.6). */
export function tokenCaller(token: DownloadToken, defaults: Defaults): Caller {
  const limits = limitsOf(token.minter, defaults);
  return {
    principal: token.minter,
    token,
    subject: `token:${token.id}`,
    bandwidthSubject: `user:${token.minter.userId}`,
    limits: {
      ...limits,
      limited: limits.limited || token.maxDownloads !== null || token.allowedIps !== undefined,
    },
  };
}

function limitsOf(user: UserPrincipal | undefined, defaults: Defaults): CallerLimits {
  const own = user?.limits ?? {};
  return {
    maxConcurrent: own.maxConcurrentDownloads ?? defaults.maxConcurrent,
    transferRate: own.transferRate ?? defaults.transferRate,
    userRate: own.userRate ?? defaults.userRate,
    limited: isLimited(own, defaults),
  };
}
