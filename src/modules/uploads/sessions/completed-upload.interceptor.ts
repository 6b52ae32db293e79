import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { map, type Observable } from 'rxjs';
import { type FileDto, metadataTag, toFileDto } from '../../file-meta/index.js';
import type { CompletedUpload } from './complete-upload.js';
import type { UploadDto } from './uploads.dto.js';

type Outcome = CompletedUpload | UploadDto;

/**
 * 201 for the file that this request has made, 200 for the one that was made before (RFC 9110 §9.3.3), and 202 while the bytes are
 * being looked at (RFC 9110 §15.3.3).
 */
export class CompletedUploadInterceptor implements NestInterceptor<Outcome, FileDto | UploadDto> {
  intercept(context: ExecutionContext, next: CallHandler<Outcome>): Observable<FileDto | UploadDto> {
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return next.handle().pipe(
      map((outcome) => {
        if (!('created' in outcome)) {
          void reply.status(202).header('Location', `/api/v1/uploads/${outcome.uploadId}`);
          return outcome;
        }
        const { file, created } = outcome;
        void reply
          .status(created ? 201 : 200)
          .headers({ Location: `/api/v1/files/${file.id}`, ETag: metadataTag(file) });
        return toFileDto(file);
      }),
    );
  }
}
