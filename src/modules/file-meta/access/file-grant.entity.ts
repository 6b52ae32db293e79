import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { Role } from '../../auth/index.js';
import type { GrantPermission } from './decide.js';

/** A right on a file, given to one user or to all of a role. */
@Entity('file_grants')
export class FileGrant {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column('uuid', { generated: 'uuid' })
  uid!: string;

  @Column('bigint', { name: 'tenant_id' })
  tenantId!: string;

  @Column('bigint', { name: 'file_id' })
  fileId!: string;

  @Column('bigint', { name: 'user_id', nullable: true })
  userId!: string | null;

  @Column('varchar', { length: 16, nullable: true })
  role!: Role | null;

  @Column('varchar', { length: 16 })
  permission!: GrantPermission;

  /** Nothing outlives its giver's right (RULES 1.7). */
  @Column('bigint', { name: 'granted_by' })
  grantedBy!: string;

  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt!: Date | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
