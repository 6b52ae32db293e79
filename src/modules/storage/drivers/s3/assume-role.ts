import { text } from 'node:stream/consumers';
import type { Agent, IncomingMessage } from 'node:http';
import type { S3Volume } from '../../../../common/config/config.js';
import { addressOf, agentOf, exchange, protocolOf, transportOf } from './s3-transport.js';
import { assumedRole, errorOf, type StoreCredentials } from './s3-documents.js';
import { authorization, sha256, sign, signingTime } from './signature-v4.js';
import { StoreAway, StoreError } from './store-problems.js';

/** Seconds: AssumeRole gives no shorter life. */
export const SHORTEST_LIFE = 900;
/** Seconds: what stores give without further arrangement (STS API, AssumeRole). */
export const LONGEST_LIFE = 3_600;
/** Characters that a session policy may have (STS API, AssumeRole; MinIO keeps it too). */
export const LONGEST_POLICY = 2_048;
/** Milliseconds until an answer is of no use any more. */
export const STS_DEADLINE = 5_000;

/**
 * Asks a store's STS for credentials (AssumeRole of the STS API, 2011-06-15), once. minio's own provider has no deadline, and tells a
 * refusal as a text only.
 */
export class AssumeRole {
  private readonly agent: Agent;

  constructor(private readonly volume: S3Volume) {
    this.agent = agentOf(volume);
  }

  /**
   * @param policy JSON; what it does not allow, the credentials do not
   * @param seconds at least SHORTEST_LIFE
   * @throws StoreError for what the store refuses, StoreAway when it does not answer in time
   */
  async send(policy: string, seconds: number): Promise<StoreCredentials> {
    const body = new URLSearchParams({
      Action: 'AssumeRole',
      Version: '2011-06-15',
      DurationSeconds: String(seconds),
      Policy: policy,
    }).toString();
    const signal = AbortSignal.timeout(STS_DEADLINE);
    try {
      const response = await this.post(body, signal);
      const answer = await text(response);
      const credentials = response.statusCode === 200 ? assumedRole(answer) : undefined;
      if (credentials !== undefined) return credentials;
      const { code = '' } = errorOf(answer);
      throw new StoreError(code, `STS answered ${response.statusCode ?? 0} ${code}`);
    } catch (error) {
      if (error instanceof StoreError || error instanceof StoreAway) throw error;
      throw new StoreAway('STS does not answer', { cause: error });
    }
  }

  private post(body: string, signal: AbortSignal): Promise<IncomingMessage> {
    const protocol = protocolOf(this.volume);
    const { request } = transportOf(protocol);
    const options = {
      protocol,
      ...addressOf(this.volume),
      method: 'POST',
      path: '/',
      agent: this.agent,
      headers: { ...this.signed(body, Date.now()), 'Content-Length': Buffer.byteLength(body) },
    };
    return exchange(
      { patience: STS_DEADLINE, signal },
      () =>
        new Promise((_, reject) => {
          request(options).on('error', reject).end(body);
        }),
    );
  }

  private signed(body: string, now: number): Record<string, string> {
    const { accessKey, secretKey, region, endpoint } = this.volume;
    const time = signingTime(now);
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      host: new URL(endpoint).host,
      'x-amz-date': time,
    };
    const request = { method: 'POST', path: '/', headers, payload: sha256(body) };
    const signature = sign(request, secretKey, { day: time.slice(0, 8), region, service: 'sts' }, time);
    return { ...headers, authorization: authorization(accessKey, signature) };
  }
}
