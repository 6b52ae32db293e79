import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { DownloadConfig } from '../../../common/config/config.js';
import { addressBlock, clientAddress } from '../../../common/http/index.js';
import { Problem, validationFailed } from '../../../common/problems/index.js';
import type { Resting } from '../../../common/revocation/index.js';
import { type Principal, PrincipalResolver, setPrincipal } from '../../auth/index.js';
import { type DownloadToken, DownloadTokens } from '../../tokens/index.js';
import { tokenInvalid } from '../downloads.problems.js';
import { anonymousCaller, type Caller, tokenCaller, userCaller } from './caller.js';

/** Finds out who downloads: by a JWT, an API key, a download token, or without any of them. */
@Injectable()
export class Callers {
  /** Of what is kept there is one caller each, as long as it is kept. */
  private readonly known = new WeakMap<object, Caller>();

  constructor(
    private readonly principals: PrincipalResolver,
    private readonly tokens: DownloadTokens,
    private readonly config: DownloadConfig,
  ) {}

  /**
   * What is kept of the caller, without asking anybody; undefined: `find` it. Whether it still is so is for who compares the versions.
   * @throws Problem as `find`
   */
  recall(request: FastifyRequest): Resting<Caller> | undefined {
    const text = tokenOf(request);
    const found = text === undefined ? this.principals.recall(request) : this.tokens.recall(text);
    return found && this.callerOf(found, request);
  }

  /**
   * @throws Problem `unauthenticated` (401), `token-invalid` (403),
   * `too-many-requests` (429) where too many come from that are nobody's
   */
  async find(request: FastifyRequest): Promise<Resting<Caller>> {
    const text = tokenOf(request);
    const found =
      text === undefined
        ? await this.principals.find(request)
        : await this.tokens.find(text, clientAddress(request));
    if (found === undefined) throw tokenInvalid('no such token');
    return this.callerOf(found, request);
  }

  /** Counts a token that is of no use here as one that nobody has. */
  miss(request: FastifyRequest): Promise<void> {
    return this.tokens.miss(clientAddress(request));
  }

  private callerOf(found: Resting<Principal | DownloadToken>, request: FastifyRequest): Resting<Caller> {
    const { value, subjects, versions } = found;
    // The audit is told who was refused, whatever is refused from here on.
    setPrincipal(request, 'kind' in value ? value : value.minter);
    const known = this.known.get(value);
    if (known !== undefined) return { value: known, subjects, versions };
    const caller = this.makeCaller(value, request);
    if (caller.principal.kind !== 'anonymous') this.known.set(value, caller);
    return { value: caller, subjects, versions };
  }

  private makeCaller(value: Principal | DownloadToken, request: FastifyRequest): Caller {
    if (!('kind' in value)) return tokenCaller(value, this.config);
    if (value.kind === 'anonymous') return anonymousCaller(addressBlock(clientAddress(request)), this.config);
    return userCaller(value, this.config);
  }
}

/** @throws Problem `validation-failed` (400) when there are other credentials beside it, or several */
function tokenOf({ query, headers }: FastifyRequest): string | undefined {
  const { token } = query as Readonly<Record<string, unknown>>;
  if (token === undefined) return undefined;
  if (typeof token !== 'string') {
    throw new Problem(validationFailed, { errors: [{ field: 'token', message: 'must be there once' }] });
  }
  if (headers.authorization !== undefined || headers['x-api-key'] !== undefined) {
    // Whom of the two it is to be, nobody can tell.
    throw new Problem(validationFailed, { detail: 'Send a token or other credentials, not both.' });
  }
  return token;
}
