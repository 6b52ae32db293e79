import { createHmac, createSign, type KeyObject } from 'node:crypto';

export type Members = Record<string, unknown>;

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Header and payload of a token, looked at without a key. */
export function readJwt(token: string): { header: Members; payload: Members } {
  const [header, payload] = token
    .split('.', 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Members);
  return { header: header ?? {}, payload: payload ?? {} };
}

/** Signed with RSA and SHA-256, whatever the header says. */
export function signJwt(header: Members, payload: Members, key: KeyObject): string {
  const text = `${encode(header)}.${encode(payload)}`;
  return `${text}.${createSign('sha256').update(text).sign(key, 'base64url')}`;
}

/** With HMAC and SHA-256. */
export function macJwt(header: Members, payload: Members, secret: string): string {
  const text = `${encode(header)}.${encode(payload)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

export function unsignedJwt(header: Members, payload: Members): string {
  return `${encode(header)}.${encode(payload)}.`;
}
