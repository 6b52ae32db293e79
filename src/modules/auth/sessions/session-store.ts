/** A login. Users are named by id and uid, since ids come back after a restore (RULES 1.4). */
export interface Session {
  readonly id: string;
  readonly userId: string;
  readonly userUid: string;
  readonly tenantId: string;
  /** `users.auth_epoch` at the login: raised there, all earlier sessions have ended. */
  readonly epoch: number;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly expiresAt: string;
  /** Where it was opened. */
  readonly ip: string;
  readonly userAgent: string;
}

/** A session with what is known of its use. */
export interface UsedSession extends Session {
  /** RFC 3339, within half a minute. */
  readonly lastSeenAt: string;
  readonly lastSeenIp: string;
}

/** `reused`: the token is older than the one that a retry may still have; whoever sends it is not who got its successor. */
export type Rotation =
  { readonly outcome: 'rotated'; readonly generation: number } | { readonly outcome: 'gone' | 'reused' };

/** Where login sessions live: seen by every replica at once, gone when they expire. */
export abstract class SessionStore {
  /** Keeps a new session until its `expiresAt`; its first refresh token has the generation 0. */
  abstract create(session: Session): Promise<void>;
  /** Notes that it is used from `ip` now. @returns undefined when there is none, or no longer */
  abstract use(id: string, ip: string): Promise<Session | undefined>;
  abstract find(id: string): Promise<UsedSession | undefined>;
  /** Those of a user, newest first. */
  abstract list(userId: string): Promise<UsedSession[]>;
  /** Makes the refresh token of `generation` void and allows its successor, the same for retries within seconds. */
  abstract rotate(id: string, generation: number): Promise<Rotation>;
  /** Forgets them. Forgetting one that is gone is no error. */
  abstract remove(userId: string, ids: readonly string[]): Promise<void>;
}
