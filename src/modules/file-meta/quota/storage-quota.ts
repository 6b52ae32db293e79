import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { UploadConfig } from '../../../common/config/config.js';
import { type Problem, unavailable } from '../../../common/problems/index.js';
import { userQuota, type UserLimits, type UserPrincipal } from '../../auth/index.js';
import { tooLargeInParts, tooManyUploads } from '../file-meta.problems.js';
import { Lines } from './lines.js';
import { type Account, type Accounts, quotaInTheWay, roomLeft } from './room.js';

/** How much may come, and what is said when more does. */
export interface Room {
  /** Bytes; -1: not even an empty file. */
  readonly bytes: number;
  /** `quota-exceeded` (507), of a file of `size` bytes that is more. */
  refusal(size: number): Problem | undefined;
}

/**
 * Transactions of one tenant at once on this replica. They wait for each other in PostgreSQL anyway, for the tenant's account, and each
 * holds a connection while it waits: whoever sends a hundred files at once would hold all of them.
 */
const AT_ONCE = 4;
/** Milliseconds: as long as a write may wait for PostgreSQL. */
const PATIENCE = 5_000;

interface Row {
  owner_id: string | null;
  used_bytes: string;
  reserved_bytes: string;
  open_sessions: number;
  /** Of the tenant. */
  quota_bytes: string | null;
  /** Of the user. */
  limits: UserLimits | null;
}

/** The tenant's row comes before the user's: the order of all who lock them (see the migration that makes the table). */
const ACCOUNTS = `
  SELECT s.owner_id, s.used_bytes, s.reserved_bytes, s.open_sessions, t.quota_bytes, u.limits
  FROM storage_usage s
  JOIN tenants t ON t.id = s.tenant_id
  LEFT JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.owner_id
  WHERE s.tenant_id = $1 AND (s.owner_id IS NULL OR s.owner_id = $2)
  ORDER BY s.owner_id NULLS FIRST`;

/**
 * What users and tenants may store. It is counted by triggers; whoever is to add something locks what is counted, looks, and adds, in
 * one transaction: so no number of uploads at once gets past it.
 */
@Injectable()
export class StorageQuota {
  private readonly tenants = new Lines(AT_ONCE, PATIENCE);

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly config: UploadConfig,
  ) {}

  /**
   * A transaction in which something is reserved or admitted.
   * @throws what `work` throws, and Problem `dependency-unavailable` (503) when too many of the tenant are before it
   */
  transaction<T>({ tenantId }: UserPrincipal, work: (transaction: EntityManager) => Promise<T>): Promise<T> {
    return this.tenants.take(
      tenantId,
      () => this.database.transaction(work),
      () => unavailable('PostgreSQL', new Error(`too many transactions of the tenant ${tenantId}`)),
    );
  }

  /**
   * In the transaction that inserts an upload session, just before: that reserves the room. What is locked here is locked last.
   * @param size bytes
   * @throws Problem `quota-exceeded` (507), `too-many-uploads` (429), `payload-too-large` (413)
   */
  async reserve(transaction: EntityManager, owner: UserPrincipal, size: number): Promise<void> {
    const { maxSessions, maxInFlight } = this.config;
    if (size > maxInFlight) throw tooLargeInParts(maxInFlight);
    const accounts = await this.lock(transaction, owner);
    refuse(quotaInTheWay(accounts, owner.role, size));
    if (accounts.user.openSessions >= maxSessions)
      throw tooManyUploads(`You have ${accounts.user.openSessions} unfinished uploads, as many as you may.`);
    if (accounts.user.reserved + size > maxInFlight)
      throw tooManyUploads(
        `Your unfinished uploads have ${accounts.user.reserved} bytes; together they may have ${maxInFlight}.`,
      );
  }

  /**
   * In the transaction that publishes a file whose room nobody has reserved, just before the row of the file. What is locked here is
   * locked last.
   * @throws Problem `quota-exceeded` (507)
   */
  async admit(transaction: EntityManager, owner: UserPrincipal, size: number): Promise<void> {
    refuse(quotaInTheWay(await this.lock(transaction, owner), owner.role, size));
  }

  /** What there is now, without a promise: so that what is too much already need not come. */
  async room(owner: UserPrincipal): Promise<Room> {
    const accounts = await this.read(this.database.manager, owner, ACCOUNTS);
    return {
      bytes: Math.min(roomLeft(accounts.tenant), roomLeft(accounts.user)),
      refusal: (size) => quotaInTheWay(accounts, owner.role, size),
    };
  }

  private lock(transaction: EntityManager, owner: UserPrincipal): Promise<Accounts> {
    return this.read(transaction, owner, `${ACCOUNTS} FOR NO KEY UPDATE OF s`);
  }

  private async read(
    database: EntityManager,
    { tenantId, userId }: UserPrincipal,
    query: string,
  ): Promise<Accounts> {
    const [tenant, user] = await database.query<Row[]>(query, [tenantId, userId]);
    if (tenant === undefined || user === undefined) throw new Error('the owner is no longer there');
    return {
      tenant: toAccount(tenant, tenant.quota_bytes === null ? null : Number(tenant.quota_bytes)),
      user: toAccount(user, userQuota(user.limits ?? {}, this.config)),
    };
  }
}

function refuse(problem: Problem | undefined): void {
  if (problem !== undefined) throw problem;
}

function toAccount(
  { used_bytes: used, reserved_bytes: reserved, open_sessions: openSessions }: Row,
  quota: number | null,
): Account {
  return { used: Number(used), reserved: Number(reserved), openSessions, quota };
}
