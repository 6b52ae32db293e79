import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { Differs } from '../failures.js';
import type { Progress } from '../progress.js';
import type { Service } from '../service.js';
import { withinBytes } from '../within-bytes.js';
import { ContentChanged, SpanFetcher } from './fetch-span.js';
import { alreadyThere, PartFile, PIECE, sizeOf } from './part-file.js';
import { describe, type RemoteFile } from './remote-file.js';
import { lengthOf, shareOut } from './spans.js';

export interface DownloadOptions {
  /** A file, or a folder; undefined: the name that the service says, in the working folder. */
  readonly output?: string | undefined;
  /** Connections. */
  readonly parallel: number;
  /** Whether a file that is there may be replaced. */
  readonly force: boolean;
}

export interface Downloaded {
  readonly path: string;
  readonly sha256: string;
}

/** Bytes that are read before anybody asks how long it takes. */
const SOON_READ = 256 * 2 ** 20;

/** How often a download may begin anew because its content has changed. */
const BEGINNINGS = 3;

/**
 * Downloads a file, or the rest of it, and publishes it under its name when its SHA-256 is right.
 * @param path of the download at the service
 */
export async function downloadFile(
  service: Service,
  path: string,
  options: DownloadOptions,
  progress: Progress,
): Promise<Downloaded> {
  for (let beginning = 1; ; beginning += 1) {
    try {
      return await downloadContent(service, await describe(service, path), options, progress);
    } catch (error) {
      if (!(error instanceof ContentChanged) || beginning === BEGINNINGS) throw error;
      progress.say('The file has changed at the service; its download begins anew.');
    }
  }
}

async function downloadContent(
  service: Service,
  remote: RemoteFile,
  { output, parallel, force }: DownloadOptions,
  progress: Progress,
): Promise<Downloaded> {
  const target = await targetOf(output, remote.filename);
  if (!force && (await sizeOf(target)) !== undefined) throw alreadyThere(target);
  const part = await PartFile.open(target, remote);
  try {
    await fetchMissing(service, remote, part, parallel, progress);
    const sha256 = await sha256Of(part, remote, progress);
    if (sha256 !== remote.sha256) {
      await part.discard();
      throw new Differs(
        `What has arrived has the SHA-256 ${sha256} instead of ${remote.sha256}: it is thrown away.`,
      );
    }
    await part.publish(target, force);
    return { path: target, sha256 };
  } finally {
    progress.stop();
    await part.close();
  }
}

async function targetOf(output: string | undefined, filename: string): Promise<string> {
  if (output === undefined) return fitting(filename);
  const isFolder = await stat(output).then(
    (there) => there.isDirectory(),
    () => false,
  );
  return isFolder ? join(output, fitting(filename)) : output;
}

/** Bytes of a name that file systems take; a name at the service may have that many letters. */
const LONGEST_NAME = 255;

/** The name, with its middle cut out where it is too long: the ending stays. */
function fitting(filename: string): string {
  const ending = extname(filename);
  const stem = filename.slice(0, filename.length - ending.length);
  return withinBytes(stem, LONGEST_NAME - Buffer.byteLength(ending)) + ending;
}

async function fetchMissing(
  service: Service,
  remote: RemoteFile,
  part: PartFile,
  parallel: number,
  progress: Progress,
): Promise<void> {
  const spans = shareOut(part.missing(), parallel, PIECE);
  const there = remote.size - spans.reduce((sum, span) => sum + lengthOf(span), 0);
  if (there > 0) progress.say(`${remote.filename} is there in part: its download goes on.`);
  progress.start(remote.filename, remote.size, there);
  // When one connection fails for good, the others end too.
  const failed = new AbortController();
  const fetcher = new SpanFetcher(service.until(failed.signal), remote, part, (count) => {
    progress.add(count);
  });
  const [first, ...others] = spans;
  if (first === undefined) return;
  // The first answer opens the download; the others then belong to it.
  let opened: () => void = () => undefined;
  const isOpen = new Promise<void>((resolve) => {
    opened = resolve;
  });
  const work = async (): Promise<void> => {
    for (let span = others.shift(); span !== undefined; span = others.shift()) await fetcher.fetch(span);
  };
  const lead = fetcher.fetch(first, opened).then(work);
  const followers = Array.from({ length: Math.min(parallel - 1, others.length) }, () => isOpen.then(work));
  try {
    await Promise.all([lead, ...followers]);
  } catch (error) {
    failed.abort(error);
    throw error;
  } finally {
    opened();
    others.length = 0;
    await Promise.allSettled([lead, ...followers]);
  }
}

async function sha256Of(part: PartFile, { filename, size }: RemoteFile, progress: Progress): Promise<string> {
  if (size > SOON_READ) progress.start(`Checking ${filename}`, size);
  const hash = createHash('sha256');
  for await (const bytes of part.read()) {
    hash.update(bytes);
    progress.add(bytes.length);
  }
  return hash.digest('hex');
}
