import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { map, type Observable } from 'rxjs';
import { type FileDto, metadataTag, toFileDto } from '../../file-meta/index.js';
import type { CompletedUpload } from './complete-upload.js';

/** 201 for the file that this request has made, 200 for the one that was made before (RFC 9110 §9.3.3). */
export class CompletedUploadInterceptor implements NestInterceptor<CompletedUpload, FileDto> {
  intercept(context: ExecutionContext, next: CallHandler<CompletedUpload>): Observable<FileDto> {
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return next.handle().pipe(
      map(({ file, created }) => {
        void reply
          .status(created ? 201 : 200)
          .headers({ Location: `/api/v1/files/${file.id}`, ETag: metadataTag(file) });
        return toFileDto(file);
      }),
    );
  }
}
