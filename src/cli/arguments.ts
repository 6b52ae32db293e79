import { parseArgs } from 'node:util';
import type { DownloadOptions } from './download/download-file.js';
import { UsageError } from './failures.js';
import type { LinkTerms } from './link.js';
import { parseBytes, parseDuration } from './quantities.js';
import type { UploadOptions } from './upload/upload-file.js';

/** What a command line asks for. */
export type Command =
  | { readonly kind: 'help' | 'version' }
  | (Common & { readonly kind: 'upload'; readonly file: string; readonly upload: UploadOptions })
  | (Common & { readonly kind: 'download'; readonly source: string; readonly download: DownloadOptions })
  | (Common & {
      readonly kind: 'link';
      /** The id of a file, or the path of a local one. */
      readonly source: string;
      readonly upload: UploadOptions;
      readonly terms: LinkTerms;
    });

interface Common {
  readonly url: string | undefined;
  readonly apiKey: string | undefined;
  readonly apiKeyFile: string | undefined;
  /** Seconds. */
  readonly retryFor: number;
  readonly progress: boolean;
}

const ALWAYS = ['url', 'api-key', 'api-key-file', 'retry-for', 'no-progress', 'help', 'version'] as const;
const OF_UPLOADS = [
  'name',
  'type',
  'visibility',
  'volume',
  'chunk-size',
  'parallel',
  'sha256',
  'direct',
] as const;

/** What each command understands beside what all do. */
const UNDERSTOOD: Readonly<Record<string, readonly string[]>> = {
  upload: OF_UPLOADS,
  download: ['output', 'parallel', 'force'],
  link: [...OF_UPLOADS, 'expires-in', 'max-downloads', 'allow-ip'],
};

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

const OPTIONS = {
  url: text,
  'api-key': text,
  'api-key-file': text,
  'retry-for': text,
  'no-progress': flag,
  help: { ...flag, short: 'h' },
  version: flag,
  name: text,
  type: text,
  visibility: text,
  volume: text,
  'chunk-size': text,
  parallel: text,
  sha256: flag,
  direct: flag,
  output: { ...text, short: 'o' },
  force: flag,
  'expires-in': text,
  'max-downloads': text,
  'allow-ip': { ...text, multiple: true },
} as const;

const RETRY_FOR = 300;
const MOST_PARALLEL = 16;

/** @throws UsageError */
export function parseCommand(args: readonly string[]): Command {
  const { values, positionals } = parsed(args);
  if (values.help === true) return { kind: 'help' };
  if (values.version === true) return { kind: 'version' };
  const [kind = '', subject, ...more] = positionals;
  const understood = UNDERSTOOD[kind];
  if (understood === undefined) {
    throw new UsageError(
      kind === '' ? 'Say what to do: upload, download or link.' : `There is no command "${kind}".`,
    );
  }
  for (const name of Object.keys(values)) {
    if (![...ALWAYS, ...understood].includes(name)) throw new UsageError(`${kind} does not know --${name}.`);
  }
  if (subject === undefined || subject === '') throw new UsageError(`Say what to ${kind}.`);
  if (more.length > 0) throw new UsageError(`Only one at a time: "${more.join(' ')}" is too much.`);

  const common: Common = {
    url: values.url,
    apiKey: values['api-key'],
    apiKeyFile: values['api-key-file'],
    retryFor: duration('retry-for', values['retry-for']) ?? RETRY_FOR,
    progress: values['no-progress'] !== true,
  };
  const upload: UploadOptions = {
    name: values.name,
    type: values.type,
    visibility: values.visibility,
    volume: values.volume,
    chunkSize: bytes('chunk-size', values['chunk-size']),
    parallel: count('parallel', values.parallel, MOST_PARALLEL) ?? 4,
    sha256: values.sha256 === true,
    direct: values.direct === true,
  };
  switch (kind) {
    case 'upload':
      return { kind, ...common, file: subject, upload };
    case 'download': {
      const parallel = count('parallel', values.parallel, MOST_PARALLEL) ?? 1;
      const download = { output: values.output, parallel, force: values.force === true };
      return { kind, ...common, source: subject, download };
    }
    default: {
      const terms: LinkTerms = {
        expiresIn: duration('expires-in', values['expires-in']),
        maxDownloads: count('max-downloads', values['max-downloads'], 1_000_000),
        allowedIps: values['allow-ip'],
      };
      return { kind: 'link', ...common, source: subject, upload, terms };
    }
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function count(name: string, value: string | undefined, most: number): number | undefined {
  if (value === undefined) return undefined;
  const number = /^\d{1,7}$/.test(value) ? Number(value) : 0;
  if (number >= 1 && number <= most) return number;
  throw new UsageError(`--${name} must be a number from 1 to ${most}.`);
}

function bytes(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = parseBytes(value);
  if (number !== undefined && number >= 1) return number;
  throw new UsageError(`--${name} must be a size such as 5242880, 5M or 64MiB.`);
}

function duration(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const seconds = parseDuration(value);
  if (seconds !== undefined && seconds >= 1) return seconds;
  throw new UsageError(`--${name} must be a time such as 300, 5m, 12h or 7d.`);
}
