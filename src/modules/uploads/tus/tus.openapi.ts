import { applyDecorators } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiCreatedResponse,
  ApiHeader,
  ApiParam,
  ApiResponse,
  type ApiResponseOptions,
} from '@nestjs/swagger';
import { TUS_VERSION } from './tus-protocol.js';

type Decorator = ClassDecorator & MethodDecorator;

const MEANING = {
  Location: 'Path of the upload',
  'Upload-Offset': 'Bytes from the beginning that are there for good',
  'Upload-Length': 'Bytes of the whole file',
  'Upload-Metadata': 'As it was announced',
  'Upload-Expires': 'When it ends if nobody goes on with it',
  'X-File-Id': 'Id of the file that it has become, once all its bytes are there',
  'Tus-Version': 'Versions of the protocol',
  'Tus-Extension': 'Extensions of the protocol',
  'Tus-Max-Size': 'Bytes that a file may have',
  'Tus-Checksum-Algorithm': 'Algorithms of Upload-Checksum',
} as const;

export function headers(...names: (keyof typeof MEANING)[]): NonNullable<ApiResponseOptions['headers']> {
  return Object.fromEntries(
    names.map((name) => [name, { description: MEANING[name], schema: { type: 'string' } }]),
  );
}

export const ApiTusUploadId = (): Decorator =>
  ApiParam({ name: 'id', schema: { type: 'string', format: 'uuid' } });

export const ApiTusRequest = (): Decorator =>
  ApiHeader({ name: 'Tus-Resumable', required: true, schema: { type: 'string', enum: [TUS_VERSION] } });

export const ApiTusCreation = (): Decorator =>
  applyDecorators(
    ApiHeader({
      name: 'Upload-Length',
      required: true,
      description: MEANING['Upload-Length'],
      schema: { type: 'integer', format: 'int64', minimum: 0 },
    }),
    ApiHeader({
      name: 'Upload-Metadata',
      required: false,
      description: 'Pairs of a key and a value in base64, between commas',
      schema: { type: 'string' },
      example: 'filename aG9saWRheS5tcDQ=,filetype dmlkZW8vbXA0',
    }),
  );

/** @param required whether it is a request that brings bytes in any case */
export const ApiTusBody = (required: boolean): Decorator =>
  applyDecorators(
    ...(required
      ? [
          ApiHeader({
            name: 'Upload-Offset',
            required: true,
            description: 'Of the first byte',
            schema: { type: 'integer', format: 'int64', minimum: 0 },
          }),
        ]
      : []),
    ApiHeader({
      name: 'Upload-Checksum',
      required: false,
      description: 'sha1, sha256 or md5 of the body: the algorithm, a space, and the value in base64',
      schema: { type: 'string' },
    }),
    ApiConsumes('application/offset+octet-stream'),
    ApiBody({ required, schema: { type: 'string', format: 'binary' } }),
  );

export const ApiTusOverride = (): Decorator =>
  ApiHeader({
    name: 'X-HTTP-Method-Override',
    required: true,
    schema: { type: 'string', enum: ['PATCH', 'HEAD', 'DELETE'] },
  });

export const ApiTusCreated = (): Decorator =>
  ApiCreatedResponse({
    description: 'The upload',
    headers: headers('Location', 'Upload-Offset', 'Upload-Expires', 'X-File-Id'),
  });

export const ApiTusState = (status: 200 | 204, description: string): Decorator =>
  ApiResponse({
    status,
    description,
    headers:
      status === 200
        ? headers('Upload-Offset', 'Upload-Length', 'Upload-Metadata', 'Upload-Expires', 'X-File-Id')
        : headers('Upload-Offset', 'Upload-Expires', 'X-File-Id'),
  });
