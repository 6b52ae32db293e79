import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { Role } from '../principals/principal.js';

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

  /** Argon2id in PHC string format. */
  @Column('varchar', { name: 'password_hash', length: 255 })
  passwordHash!: string;

  @Column('varchar', { length: 16 })
  role!: Role;

  @Column('jsonb', { default: {} })
  limits!: Record<string, number>;

  @Column('timestamptz', { name: 'disabled_at', nullable: true })
  disabledAt!: Date | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' })
  updatedAt!: Date;
}
