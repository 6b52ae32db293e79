import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { expect, it } from 'vitest';
import { applicationNode } from '../../scripts/stack/application.mjs';
import { sha256Of } from '../harness/uploads.js';

const SIZE = 3_000_000;

/** The code that is delivered, with its thread. */
it('a reading in the background that has failed is begun anew, and the digest is of what is there', async () => {
  const root = await mkdtemp(join(tmpdir(), 'digests-'));
  const script = join(import.meta.dirname, '../harness/digest-object.mjs');
  const { stdout } = await promisify(execFile)(applicationNode(), [script, root, '1/ab/c', String(SIZE)]);
  const bytes = Buffer.alloc(SIZE, 7);
  expect(JSON.parse(stdout)).toEqual({
    missing: 'content-missing',
    short: 'content-missing',
    found: { sha256: sha256Of(bytes), crc32: crc32(bytes), size: SIZE },
  });
  await rm(root, { recursive: true });
});
