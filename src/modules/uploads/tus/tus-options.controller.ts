import { type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Controller, HttpCode, Injectable, Options, UseInterceptors } from '@nestjs/common';
import { ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Observable } from 'rxjs';
import { UploadConfig } from '../../../common/config/config.js';
import { ApiProblems, IgnoreCredentials } from '../../../common/http/index.js';
import { TUS_CHECKSUMS } from './tus-checksum.js';
import { headers } from './tus.openapi.js';
import { TUS_EXTENSIONS, TUS_VERSION } from './tus-protocol.js';

/** What the server can do (tus 1.0, "OPTIONS"). */
@Injectable()
class TusAbilities implements NestInterceptor {
  constructor(private readonly config: UploadConfig) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    void reply.headers({
      'Tus-Version': TUS_VERSION,
      'Tus-Extension': TUS_EXTENSIONS,
      'Tus-Max-Size': String(this.config.maxSize),
      'Tus-Checksum-Algorithm': TUS_CHECKSUMS,
    });
    return next.handle();
  }
}

/** For everybody: what is told is the same for all. */
@ApiTags('tus')
@IgnoreCredentials()
@Controller('api/v1/tus')
export class TusOptionsController {
  @Options(['', ':id'])
  @HttpCode(204)
  @UseInterceptors(TusAbilities)
  @ApiOperation({ summary: 'Ask what the server can do by tus' })
  @ApiNoContentResponse({
    description: 'Versions, extensions and limits',
    headers: headers('Tus-Version', 'Tus-Extension', 'Tus-Max-Size', 'Tus-Checksum-Algorithm'),
  })
  @ApiProblems(429)
  optionsOfTus(): void {
    // All is said in the headers.
  }
}
