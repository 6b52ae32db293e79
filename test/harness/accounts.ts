import { expect } from 'vitest';
import { type Api, expectProblem, patiently } from './api.js';
import type { Answer } from './http.js';
import type { SeededUser } from './seed.js';

/** Every scope that an API key may have (RULES 1.6). */
export const SCOPES = [
  'download',
  'files:read',
  'files:write',
  'upload',
  'tokens',
  'tasks',
  'stats',
  'storage:credentials',
] as const;

export interface Tokens {
  readonly accessToken: string;
  readonly tokenType: string;
  readonly expiresIn: number;
  readonly refreshToken: string;
}

export interface KeyJson {
  readonly id: string;
  readonly key: string;
  readonly prefix: string;
}

/** A new session, with the tokens that the login gave. */
export async function openSession(
  api: Api,
  { email, password }: Pick<SeededUser, 'email' | 'password'>,
): Promise<Tokens> {
  const answer = await patiently(() => api.post('/api/v1/auth/login', { email, password }));
  expect(answer.status, answer.text).toBe(200);
  return answer.json as Tokens;
}

export function refresh(api: Api, refreshToken: unknown): Promise<Answer> {
  return api.post('/api/v1/auth/refresh', { refreshToken });
}

export async function createKey(api: Api, scopes: readonly string[] = SCOPES): Promise<KeyJson> {
  const answer = await api.post('/api/v1/auth/api-keys', { name: 'a program', scopes });
  expect(answer.status, answer.text).toBe(201);
  return answer.json as KeyJson;
}

/** 400, and these members and no others are named as wrong. */
export function expectInvalid(answer: Answer, fields: readonly string[]): void {
  expectProblem(answer, 400, 'validation-failed');
  const { errors = [] } = answer.json as { errors?: { field: string }[] };
  expect([...new Set(errors.map(({ field }) => field))].toSorted(), answer.text).toEqual(fields.toSorted());
}
