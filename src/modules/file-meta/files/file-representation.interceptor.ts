import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import { matchesTag } from '../../../common/http/index.js';
import { type FileDto, toFileDto } from './file.dto.js';
import { metadataTag, type StoredFile } from './stored-file.js';

/** Answers with a file's metadata and its entity tag, or with 304 to a GET that has it already (RFC 9110 §13.1.2). */
@Injectable()
export class FileRepresentationInterceptor implements NestInterceptor<StoredFile, FileDto | undefined> {
  intercept(context: ExecutionContext, next: CallHandler<StoredFile>): Observable<FileDto | undefined> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return next.handle().pipe(
      map((file) => {
        void reply.header('ETag', metadataTag(file));
        const known = request.headers['if-none-match'];
        const reading = request.method === 'GET' || request.method === 'HEAD';
        if (!reading || known === undefined || !matchesTag(known, metadataTag(file), 'weak'))
          return toFileDto(file);
        void reply.status(304);
        return undefined;
      }),
    );
  }
}
