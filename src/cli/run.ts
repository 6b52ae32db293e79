import { readFile } from 'node:fs/promises';
import { type Command, parseCommand } from './arguments.js';
import { type Credentials, credentialsOf } from './credentials.js';
import { downloadFile } from './download/download-file.js';
import { downloadOf } from './download/remote-file.js';
import { UsageError } from './failures.js';
import { HELP } from './help.js';
import { linkTo } from './link.js';
import { printable } from './printable.js';
import { Progress, type Screen } from './progress.js';
import { inTime } from './quantities.js';
import { Service } from './service.js';
import { uploadFile } from './upload/upload-file.js';

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly screen: Screen;
  /** What was asked for, and nothing else. */
  readonly print: (line: string) => void;
}

/** @throws Failure, which says how the process ends */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<void> {
  const command = parseCommand(args);
  switch (command.kind) {
    case 'help':
      surroundings.print(HELP.trimEnd());
      return;
    case 'version':
      surroundings.print(await version());
      return;
    case 'upload': {
      const progress = progressOf(command, surroundings);
      const service = await serviceOf(command, surroundings, progress);
      const { environment } = surroundings;
      const file = await uploadFile(service, command.file, command.upload, environment, progress);
      surroundings.print(`id ${file.id}\nsha256 ${file.sha256}`);
      return;
    }
    case 'download': {
      const progress = progressOf(command, surroundings);
      const { path, origin } = downloadOf(command.source);
      const service = await serviceOf(command, surroundings, progress, origin);
      const downloaded = await downloadFile(service, path, command.download, progress);
      surroundings.print(`file ${printable(downloaded.path)}\nsha256 ${downloaded.sha256}`);
      return;
    }
    case 'link': {
      const progress = progressOf(command, surroundings);
      const service = await serviceOf(command, surroundings, progress);
      const { source, upload, terms } = command;
      // A local file that is called like an id is said as ./42.
      const id = /^\d{1,19}$/.test(source)
        ? source
        : (await uploadFile(service, source, upload, surroundings.environment, progress)).id;
      surroundings.print(await linkTo(service, id, terms));
    }
  }
}

type Asked = Exclude<Command, { kind: 'help' | 'version' }>;

function progressOf({ progress }: Asked, { screen }: Surroundings): Progress {
  return new Progress(screen, progress);
}

/** @param named origin that the download's URL says; undefined: it was said by an id */
async function serviceOf(
  { url, apiKey, apiKeyFile, retryFor }: Asked,
  { environment, signal }: Surroundings,
  progress: Progress,
  named?: string,
): Promise<Service> {
  const configured = originOf(url ?? environment.DOWNLOAD_SERVICE_URL);
  const origin = named ?? configured;
  if (origin === undefined) throw new UsageError('Say where the service is: --url, or DOWNLOAD_SERVICE_URL.');
  // A URL from anywhere gets the credentials of this service only if it is this service's.
  const mayKnow = named === undefined || named === configured;
  const credentials: Credentials = mayKnow ? await credentialsOf({ apiKey, apiKeyFile, environment }) : {};
  return new Service(new URL(origin), credentials, {
    seconds: retryFor,
    signal,
    onWait: (message, seconds) => {
      progress.say(`${message} Trying again in ${inTime(seconds)}.`);
    },
  });
}

function originOf(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    // Said below.
  }
  const isOrigin =
    url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '';
  if (url === undefined || !isOrigin || url.username !== '' || url.password !== '')
    throw new UsageError('The URL of the service is an origin, such as https://files.example.com.');
  return url.origin;
}

async function version(): Promise<string> {
  // Three folders above the compiled file, in the package too.
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
