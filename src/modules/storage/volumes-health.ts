import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { type FsVolume, StorageConfig, type VolumeConfig } from '../../common/config/config.js';
import { type VolumeHealthDto, VolumesHealth } from '../../common/health/index.js';
import { Buckets } from './buckets.js';
import { OPEN } from './volumes-setup.js';

/** Milliseconds: a store or a file system that hangs is not waited for longer. */
const PATIENCE = 1_500;
/** Milliseconds that an answer is good for: many who ask do not ask the stores many times. */
const FRESH = 5_000;

@Injectable()
export class VolumesHealthReader extends VolumesHealth {
  private last: { readonly at: number; readonly answer: Promise<VolumeHealthDto[]> } | undefined;

  constructor(
    private readonly config: StorageConfig,
    private readonly buckets: Buckets,
  ) {
    super();
  }

  override read(): Promise<VolumeHealthDto[]> {
    const now = performance.now();
    if (this.last === undefined || now - this.last.at > FRESH) {
      this.last = { at: now, answer: Promise.all(this.config.volumes.map((volume) => this.look(volume))) };
    }
    return this.last.answer;
  }

  private async look(volume: VolumeConfig): Promise<VolumeHealthDto> {
    const { name, driver, delivery } = volume;
    const found = volume.driver === 'fs' ? await room(volume) : await this.store(name);
    return { name, driver, delivery, ...found };
  }

  private async store(name: string): Promise<Partial<VolumeHealthDto>> {
    const bucket = this.buckets.get(name);
    const { reachable = false, error } = (await bucket?.ping(PATIENCE)) ?? {};
    const wrong = error ?? bucket?.fault ?? (bucket?.report?.public === true ? OPEN : undefined);
    return {
      reachable,
      ...(bucket?.report && { abilities: bucket.report.abilities, remarks: [...bucket.report.remarks] }),
      ...(wrong !== undefined && { error: wrong }),
    };
  }
}

/** For writers without privileges, as `df` tells it. */
async function room({ root }: FsVolume): Promise<Partial<VolumeHealthDto>> {
  const late = new AbortController();
  try {
    const facts = await Promise.race([statfs(root), sleep(PATIENCE, undefined, { signal: late.signal })]);
    if (facts === undefined) return { error: `the file system does not answer within ${PATIENCE} ms` };
    return { freeBytes: facts.bavail * facts.bsize, totalBytes: facts.blocks * facts.bsize };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return { error: `the folder cannot be looked at (${code})` };
  } finally {
    late.abort();
  }
}
