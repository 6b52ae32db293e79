import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { map, type Observable } from 'rxjs';
import type { UploadSession } from '../sessions/upload-session.js';
import { TUS_PATH } from './tus-protocol.js';

/** The state of an upload, in headers; nothing else is told. */
export class TusAnswerInterceptor implements NestInterceptor<UploadSession | undefined, undefined> {
  /** @param kind `created`: also where it is; `state`: also what was announced */
  constructor(private readonly kind: 'created' | 'offset' | 'state') {}

  intercept(context: ExecutionContext, next: CallHandler<UploadSession | undefined>): Observable<undefined> {
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return next.handle().pipe(
      map((upload) => {
        if (upload !== undefined) void reply.headers(this.headersOf(upload));
        return undefined;
      }),
    );
  }

  private headersOf(upload: UploadSession): Record<string, string> {
    const { uid, size, received, metadata, fileId, expiresAt } = upload;
    return {
      'Upload-Offset': String(received),
      // What has become a file stays.
      ...(fileId === null ? { 'Upload-Expires': expiresAt.toUTCString() } : { 'X-File-Id': fileId }),
      // Of this host, whatever proxies call it.
      ...(this.kind === 'created' && { Location: `${TUS_PATH}/${uid}` }),
      ...(this.kind === 'state' && {
        'Cache-Control': 'no-store',
        'Upload-Length': String(size),
        ...(metadata !== null && { 'Upload-Metadata': metadata }),
      }),
    };
  }
}
