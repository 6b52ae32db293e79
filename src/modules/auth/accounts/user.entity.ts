import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { Role } from '../principals/principal.js';
import type { UserLimits } from './user-limits.js';

@Entity('users')
export class User {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column('uuid', { generated: 'uuid' })
  uid!: string;

  @Column('bigint', { name: 'tenant_id' })
  tenantId!: string;

  /** As normalised by `normaliseEmail`; unique in the installation. */
  @Column('varchar', { length: 254 })
  email!: string;

  /** Argon2id in PHC string format; null for users that come from an identity provider. */
  @Column('varchar', { name: 'password_hash', length: 255, nullable: true })
  passwordHash!: string | null;

  @Column('varchar', { length: 16 })
  role!: Role;

  @Column('jsonb', { default: {} })
  limits!: UserLimits;

  @Column('timestamptz', { name: 'disabled_at', nullable: true })
  disabledAt!: Date | null;

  /** Raised when all sessions end: those of an earlier epoch are void. */
  @Column('integer', { name: 'auth_epoch', default: 0 })
  authEpoch!: number;

  /** Raised when all download tokens that the user has minted end. */
  @Column('integer', { name: 'token_epoch', default: 0 })
  tokenEpoch!: number;

  /** The row stays, for the files and the audit that name it. */
  @Column('timestamptz', { name: 'deleted_at', nullable: true })
  deletedAt!: Date | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' })
  updatedAt!: Date;
}
