import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { versionUnsupported } from './tus.problems.js';
import { TUS_VERSION } from './tus-protocol.js';

/** Nothing is done for a client that speaks another version; asking for ours needs none (tus 1.0, "Tus-Resumable"). */
@Injectable()
export class TusVersionGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { method, headers } = context.switchToHttp().getRequest<FastifyRequest>();
    if (method !== 'OPTIONS' && headers['tus-resumable'] !== TUS_VERSION) throw versionUnsupported();
    return true;
  }
}
