import { isTrustworthyUrl, type OidcIssuer } from '../../../common/config/oidc-issuers.js';

/** Bytes; those of large providers have some ten thousand. */
const MAX_SIZE = 512 * 1024;

/** Milliseconds until the place that the discovery document named is asked for again. */
const DISCOVERED_FOR = 3_600_000;

/** Where an issuer's keys are fetched from. */
export class ProviderDocuments {
  private discovered: { readonly jwksUri: string; readonly at: number } | undefined;

  constructor(private readonly config: Pick<OidcIssuer, 'issuer' | 'jwksUri'>) {}

  /** @returns the provider's JWK Set, not looked at @throws when it cannot be had */
  async keys(signal: AbortSignal): Promise<unknown> {
    try {
      return await fetchJson(this.config.jwksUri ?? (await this.discover(signal)), signal);
    } catch (error) {
      // It may have moved.
      this.discovered = undefined;
      throw error;
    }
  }

  /** OpenID Connect Discovery 1.0 §4. */
  private async discover(signal: AbortSignal): Promise<string> {
    if (this.discovered !== undefined && Date.now() - this.discovered.at < DISCOVERED_FOR) {
      return this.discovered.jwksUri;
    }
    const { issuer } = this.config;
    const document = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, signal);
    const { issuer: named, jwks_uri: jwksUri } = document as { issuer?: unknown; jwks_uri?: unknown };
    // §4.3: otherwise one provider could speak for another.
    if (named !== issuer) throw new Error('the discovery document names another issuer');
    if (typeof jwksUri !== 'string' || !isTrustworthyUrl(jwksUri)) {
      throw new Error('the discovery document names no place for the keys that can be trusted');
    }
    this.discovered = { jwksUri, at: Date.now() };
    return jwksUri;
  }
}

async function fetchJson(url: string, signal: AbortSignal): Promise<object> {
  const response = await fetch(url, { signal, redirect: 'error', headers: { Accept: 'application/json' } });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`the provider answered ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_SIZE) throw new Error('the provider answered with too much');
    chunks.push(chunk);
  }
  const document: unknown = JSON.parse(Buffer.concat(chunks).toString());
  if (typeof document !== 'object' || document === null)
    throw new Error('the provider answered with no object');
  return document;
}
