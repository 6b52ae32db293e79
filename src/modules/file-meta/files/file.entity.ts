import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { Visibility } from './visibility.js';

@Entity('files')
export class File {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column('uuid', { generated: 'uuid' })
  uid!: string;

  @Column('bigint', { name: 'tenant_id' })
  tenantId!: string;

  @Column('varchar', { length: 255 })
  filename!: string;

  @Column('varchar', { name: 'content_type', length: 255 })
  contentType!: string;

  /** Null only of a deleted file, once the sweep has let its content go. */
  @Column('bigint', { name: 'blob_id', nullable: true })
  blobId!: string | null;

  @Column('bigint', { name: 'owner_id' })
  ownerId!: string;

  @Column('varchar', { length: 16 })
  visibility!: Visibility;

  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt!: Date | null;

  @Column('timestamptz', { name: 'deleted_at', nullable: true })
  deletedAt!: Date | null;

  /** Counts changes of the metadata. */
  @Column('integer', { default: 1 })
  version!: number;

  /** Raised when all of its download tokens end. */
  @Column('integer', { name: 'token_epoch', default: 0 })
  tokenEpoch!: number;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' })
  updatedAt!: Date;
}
