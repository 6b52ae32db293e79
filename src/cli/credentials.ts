import { readFile } from 'node:fs/promises';
import { codeOf, Failure, UsageError } from './failures.js';

/** Headers that say who asks. They go to the service and nowhere else, and are never written down. */
export type Credentials = Readonly<Record<string, string>>;

/** Where they may come from. */
export interface CredentialSources {
  readonly apiKey?: string | undefined;
  readonly apiKeyFile?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * The first that is there: `--api-key`, `--api-key-file`, `DOWNLOAD_SERVICE_API_KEY`, `DOWNLOAD_SERVICE_API_KEY_FILE`, `DOWNLOAD_SERVICE_TOKEN`.
 * @returns none when there are none: links need none
 * @throws UsageError for what cannot be a credential, Failure for a file that cannot be read; neither says what it is
 */
export async function credentialsOf({
  apiKey,
  apiKeyFile,
  environment,
}: CredentialSources): Promise<Credentials> {
  if (apiKey !== undefined) return keyOf(apiKey, '--api-key');
  if (apiKeyFile !== undefined) return keyOf(await contentOf(apiKeyFile), '--api-key-file');
  const {
    DOWNLOAD_SERVICE_API_KEY: key,
    DOWNLOAD_SERVICE_API_KEY_FILE: file,
    DOWNLOAD_SERVICE_TOKEN: token,
  } = environment;
  if (key) return keyOf(key, 'DOWNLOAD_SERVICE_API_KEY');
  if (file) return keyOf(await contentOf(file), 'DOWNLOAD_SERVICE_API_KEY_FILE');
  if (token) return { Authorization: `Bearer ${checked(token, 'DOWNLOAD_SERVICE_TOKEN')}` };
  return {};
}

function keyOf(text: string, source: string): Credentials {
  return { 'X-API-Key': checked(text, source) };
}

function checked(text: string, source: string): string {
  const value = text.trim();
  if (/^[\x21-\x7e]+$/.test(value)) return value;
  throw new UsageError(`${source} holds no credential: it must be one word of ASCII.`);
}

async function contentOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Failure(`The file of the API key cannot be read (${codeOf(error)}): ${path}`);
  }
}
