export class SessionDto {
  /** @example 3q2-7wAAAAAAAAAAAAAAAA */
  id!: string;
  /** Whether this request came by it. */
  current!: boolean;
  createdAt!: Date;
  expiresAt!: Date;
  /** Within half a minute. */
  lastSeenAt!: Date;
  /** Address it was last used from. @example 203.0.113.7 */
  lastSeenIp!: string;
  /** Address it was opened from. @example 203.0.113.7 */
  ip!: string;
  /** The device, as it calls itself. @example Mozilla/5.0 (X11; Linux x86_64) */
  userAgent!: string;
}

export class SessionListDto {
  items!: SessionDto[];
}
