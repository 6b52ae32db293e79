import { fileURLToPath } from 'node:url';
import { findBoto3 } from '../../scripts/bootstrap/boto3.mjs';
import { runChild } from '../../scripts/process/child-processes.mjs';

const PROGRAM = fileURLToPath(new URL('boto3-client.py', import.meta.url));

/** What `POST /api/v1/storage/credentials` gives. */
export interface CredentialsJson {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiresAt: string;
  readonly endpoint: string;
  readonly region: string;
  readonly objects: readonly { readonly fileId: string; readonly bucket: string; readonly key: string }[];
}

/** A method of boto3's S3 client. */
export interface Boto3Call {
  readonly method: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface Boto3Outcome {
  /** `ok`, or the code of the store's error. */
  readonly code: string;
  readonly body: Buffer;
}

/** Real boto3, in a Python of its own. */
export async function callWithBoto3(
  credentials: CredentialsJson,
  calls: readonly Boto3Call[],
): Promise<Boto3Outcome[]> {
  const python = findBoto3();
  if (python === undefined) throw new Error('boto3 is not there');
  const input = JSON.stringify({ credentials, calls });
  const { code, stdout, output } = await runChild(python.file, [PROGRAM], { env: python.env, input });
  if (code !== 0) throw new Error(output);
  return (JSON.parse(stdout) as { code: string; body: string }[]).map((outcome) => ({
    code: outcome.code,
    body: Buffer.from(outcome.body, 'base64'),
  }));
}
