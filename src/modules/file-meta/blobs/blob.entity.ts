import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** Content, stored once per tenant under a random path. */
@Entity('blobs')
export class Blob {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column('uuid', { generated: 'uuid' })
  uid!: string;

  @Column('bigint', { name: 'tenant_id' })
  tenantId!: string;

  /** 64 hex digits. */
  @Column('char', { length: 64 })
  sha256!: string;

  /** Unsigned 32 bits, which `integer` does not hold. */
  @Column('bigint')
  crc32!: string;

  @Column('bigint')
  size!: string;

  @Column('varchar', { length: 32 })
  volume!: string;

  /** Relative to the volume. */
  @Column('varchar', { name: 'storage_path', length: 128 })
  storagePath!: string;

  /** Entity tags that stores have given to the object, oldest first. */
  @Column('text', { name: 'store_tags', array: true, default: '{}' })
  storeTags!: string[];

  /** Media type that the first bytes look like; null: like none that is known, or nobody has looked. */
  @Column('varchar', { name: 'detected_type', length: 255, nullable: true })
  detectedType!: string | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
