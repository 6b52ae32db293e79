import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { type Answer, type Request, send } from './http.js';

export interface FileJson {
  readonly id: string;
  readonly filename: string;
  readonly size: number;
  readonly sha256: string;
  readonly contentType: string;
  readonly visibility: string;
  readonly ownerId: string;
  readonly createdAt: string;
}

export interface Part {
  readonly name: string;
  readonly value: string | Buffer;
  /** With it the part is a file. */
  readonly filename?: string;
  readonly type?: string;
}

/** A multipart/form-data body, written as curl and browsers do (WHATWG HTML §4.10.21.8). */
export function multipart(parts: readonly Part[]): { body: Buffer; headers: Record<string, string> } {
  const boundary = `----${randomBytes(12).toString('hex')}`;
  const escape = (text: string): string =>
    text.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  const chunks = parts.flatMap(({ name, value, filename, type }) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${escape(name)}"` +
        (filename === undefined ? '' : `; filename="${escape(filename)}"`) +
        (type === undefined ? '' : `\r\nContent-Type: ${type}`) +
        '\r\n\r\n',
    ),
    Buffer.from(value),
    Buffer.from('\r\n'),
  ]);
  const body = Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]);
  return {
    body,
    headers: {
      'Content-Type': `multipart/form-data; boundary=${boundary}`,
      'Content-Length': String(body.length),
    },
  };
}

/** Sends what hashes a password: another suite may be storming the logins of the stack that all share. */
export async function patiently(request: () => Promise<Answer>): Promise<Answer> {
  let answer = await request();
  for (let round = 0; round < 10 && answer.status === 429; round += 1) {
    await sleep(500);
    answer = await request();
  }
  return answer;
}

/** A caller of the service, with or without credentials. */
export class Api {
  /** @param apiKey instead of a token */
  constructor(
    readonly origin: string,
    readonly token?: string,
    readonly apiKey?: string,
  ) {}

  /** The same caller by another way, for instance past nginx. */
  via(origin: string): Api {
    return new Api(origin, this.token, this.apiKey);
  }

  as(token: string | undefined): Api {
    return new Api(this.origin, token);
  }

  withKey(apiKey: string): Api {
    return new Api(this.origin, undefined, apiKey);
  }

  send(path: string, request: Request = {}): Promise<Answer> {
    const credentials = {
      ...(this.token !== undefined && { Authorization: `Bearer ${this.token}` }),
      ...(this.apiKey !== undefined && { 'X-API-Key': this.apiKey }),
    };
    return send(this.origin, path, { ...request, headers: { ...credentials, ...request.headers } });
  }

  post(path: string, json: unknown): Promise<Answer> {
    return this.sendJson('POST', path, json);
  }

  patch(path: string, json: unknown): Promise<Answer> {
    return this.sendJson('PATCH', path, json);
  }

  delete(path: string): Promise<Answer> {
    return this.send(path, { method: 'DELETE' });
  }

  private sendJson(method: string, path: string, json: unknown): Promise<Answer> {
    const body = JSON.stringify(json);
    return this.send(path, {
      method,
      body,
      headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
    });
  }

  /** This origin as seen by that account. */
  async login(email: string, password: string): Promise<Api> {
    const answer = await patiently(() => this.post('/api/v1/auth/login', { email, password }));
    expect(answer.status, answer.text).toBe(200);
    return this.as((answer.json as { accessToken: string }).accessToken);
  }

  sendForm(parts: readonly Part[]): Promise<Answer> {
    return this.send('/api/v1/files', { method: 'POST', ...multipart(parts) });
  }

  async upload(
    value: Buffer,
    {
      filename = 'a.bin',
      type = 'application/octet-stream',
      visibility,
      volume,
    }: { filename?: string; type?: string; visibility?: string; volume?: string } = {},
  ): Promise<FileJson> {
    const fields = Object.entries({ visibility, volume }).flatMap(([name, value]) =>
      value === undefined ? [] : [{ name, value }],
    );
    const answer = await this.sendForm([...fields, { name: 'file', value, filename, type }]);
    expect(answer.status, answer.text).toBe(201);
    return answer.json as FileJson;
  }

  download(id: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
    return this.send(`/download/${id}`, { method, headers });
  }
}

/** The answer is this problem, in the form that every problem has. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status });
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  const document = answer.json as Record<string, unknown>;
  expect(document).toMatchObject({ status, code, type: `urn:problem-type:download-service:${code}` });
  expect(document.title).toEqual(expect.any(String));
  expect(document.requestId).toMatch(/^[0-9a-f]{32}$/);
  if (status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
  if (status === 503 || status === 429) expect(answer.headers['retry-after']).toMatch(/^\d+$/);
}
