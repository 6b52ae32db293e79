import { createHash, generateKeyPairSync, type JsonWebKey, type KeyObject, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';

/** The API that tokens are for. */
export const AUDIENCE = 'https://files.example.com';

const CLIENT = { id: 'portal', secret: 'a secret between the portal and its provider' };
const REDIRECT = 'https://portal.example.com/callback';

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function newSigningKey(): SigningKey {
  return {
    kid: randomBytes(8).toString('hex'),
    ...generateKeyPairSync('rsa', { modulusLength: 2048 }),
  };
}

/**
 * A company's identity provider: a real OpenID Certified one (`oidc-provider`) on loopback. People log in without being asked;
 * what its tokens say of them is up to the test.
 */
export class IdentityProvider {
  /** How often its keys were fetched. */
  keyFetches = 0;
  /** Newest first; the first signs. */
  keys: SigningKey[] = [newSigningKey()];
  private hanging = false;
  private provider: Provider;

  private constructor(
    private readonly server: Server,
    readonly issuer: string,
  ) {
    this.provider = this.make();
    server.on('request', (request, response) => void this.answer(request, response));
  }

  static async start(): Promise<IdentityProvider> {
    const server = createServer();
    await listen(server, 0);
    return new IdentityProvider(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  /** Nobody listens any more. */
  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async startAgain(): Promise<void> {
    await listen(this.server, Number(new URL(this.issuer).port));
  }

  /** It takes requests and answers none. */
  hang(hanging: boolean): void {
    this.hanging = hanging;
    if (!hanging) this.server.closeAllConnections();
  }

  /** @param kept how many of the keys before are still published */
  rotate(kept = Infinity): void {
    this.keys = [newSigningKey(), ...this.keys.slice(0, kept)];
    this.provider = this.make();
  }

  /** An access token by the client credentials grant (RFC 6749 §4.4), in the form of RFC 9068. */
  async token(subject: string, claims: Record<string, unknown> = {}): Promise<string> {
    const answer = await this.grant(
      { grant_type: 'client_credentials', resource: AUDIENCE },
      { 'X-Claims': Buffer.from(JSON.stringify({ sub: subject, ...claims })).toString('base64') },
    );
    return answer.access_token;
  }

  /** The tokens of a person by the authorisation code flow with PKCE (RFC 7636), as a browser goes through it. */
  async logIn(account: string): Promise<{ accessToken: string; idToken: string }> {
    const verifier = randomBytes(32).toString('base64url');
    const query = new URLSearchParams({
      client_id: CLIENT.id,
      response_type: 'code',
      redirect_uri: REDIRECT,
      scope: 'openid email',
      resource: AUDIENCE,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      login_hint: account,
    });
    const cookies = new Map<string, string>();
    let url = `${this.issuer}/auth?${query.toString()}`;
    while (!url.startsWith(REDIRECT)) {
      const answer = await fetch(url, {
        redirect: 'manual',
        headers: { Cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      });
      for (const cookie of answer.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
        cookies.set(name, value);
      }
      const next = answer.headers.get('location');
      if (next === null) throw new Error(`the login ends with ${answer.status}: ${await answer.text()}`);
      url = new URL(next, url).href;
    }
    const code = new URL(url).searchParams.get('code') ?? '';
    const tokens = await this.grant({
      ...{ grant_type: 'authorization_code', code, redirect_uri: REDIRECT, code_verifier: verifier },
      resource: AUDIENCE,
    });
    return { accessToken: tokens.access_token, idToken: tokens.id_token ?? '' };
  }

  private async grant(
    form: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<{ access_token: string; id_token?: string }> {
    const credentials = [CLIENT.id, CLIENT.secret].map(encodeURIComponent).join(':');
    const answer = await fetch(`${this.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams(form),
      headers: { ...headers, Authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
    });
    if (!answer.ok) throw new Error(`no token: ${await answer.text()}`);
    return (await answer.json()) as { access_token: string; id_token?: string };
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/jwks') this.keyFetches += 1;
    if (this.hanging) return;
    if (request.url?.startsWith('/interaction/') === true) {
      const { params } = await this.provider.interactionDetails(request, response);
      const result = { login: { accountId: String(params.login_hint) } };
      await this.provider.interactionFinished(request, response, result);
      return;
    }
    await this.provider.callback()(request, response);
  }

  private make(): Provider {
    const jwks = this.keys.map(({ kid, privateKey }) => {
      const jwk = privateKey.export({ format: 'jwk' }) as JsonWebKey & { kty: 'RSA' };
      return { ...jwk, kid, alg: 'RS256', use: 'sig' };
    });
    const provider = new Provider(this.issuer, configuration(jwks));
    provider.on('server_error', (_, error) => {
      process.stderr.write(`the test's identity provider failed: ${String(error.stack)}\n`);
    });
    return provider;
  }
}

function configuration(keys: NonNullable<Configuration['jwks']>['keys']): Configuration {
  return {
    jwks: { keys },
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        grant_types: ['client_credentials', 'authorization_code'],
        redirect_uris: [REDIRECT],
        response_types: ['code'],
      },
    ],
    cookies: { keys: ['for the test only'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@people.example.com`, email_verified: true }),
    }),
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    loadExistingGrant: async ({ oidc }) => {
      const grant = new oidc.provider.Grant({
        clientId: oidc.client?.clientId ?? '',
        accountId: oidc.session?.accountId ?? '',
      });
      grant.addOIDCScope('openid email');
      grant.addResourceScope(AUDIENCE, 'files');
      await grant.save();
      return grant;
    },
    ttl: {
      ClientCredentials: 600,
      AccessToken: 600,
      IdToken: 600,
      Grant: 600,
      Interaction: 60,
      Session: 600,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          ...{ scope: 'files', audience: AUDIENCE, accessTokenFormat: 'jwt', accessTokenTTL: 600 },
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    extraTokenClaims: (_, token) =>
      token.kind === 'AccessToken' ? { email: `${token.accountId}@people.example.com` } : undefined,
    formats: {
      customizers: {
        jwt: (context, _, jwt) => {
          const claims = context.get('X-Claims');
          if (claims !== '') Object.assign(jwt.payload, JSON.parse(Buffer.from(claims, 'base64').toString()));
        },
      },
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}
