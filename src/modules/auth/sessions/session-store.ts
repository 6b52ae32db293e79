/** A login. Users are named by id and uid, since ids come back after a restore (RULES 1.4). */
export interface Session {
  readonly id: string;
  readonly userId: string;
  readonly userUid: string;
  readonly tenantId: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly ip: string;
  readonly userAgent: string;
}

/** Where login sessions live: seen by every replica at once, gone when they expire. */
export abstract class SessionStore {
  /** Keeps a new session for `ttl` seconds. */
  abstract create(session: Session, ttl: number): Promise<void>;
  /** @returns undefined when there is none, or no longer */
  abstract find(id: string): Promise<Session | undefined>;
  /** Ends it: the next `find` on any replica sees nothing. Ending one that is gone is no error. */
  abstract end(id: string): Promise<void>;
}
