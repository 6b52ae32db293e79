import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('tenants')
export class Tenant {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  /** Random; with the id it names this tenant and no later one of the same id (RULES 1.4). */
  @Column('uuid', { generated: 'uuid' })
  uid!: string;

  @Column('varchar', { length: 63 })
  slug!: string;

  @Column('varchar', { length: 255 })
  name!: string;

  /** Bytes; null is without a limit. */
  @Column('bigint', { name: 'quota_bytes', nullable: true })
  quotaBytes!: string | null;

  @Column('timestamptz', { name: 'suspended_at', nullable: true })
  suspendedAt!: Date | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
