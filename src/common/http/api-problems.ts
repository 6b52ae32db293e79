import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { ProblemDto } from './problem.dto.js';

const MEANING: Readonly<Record<number, string>> = {
  400: 'The request is malformed',
  401: 'Credentials are missing or not valid',
  403: 'The caller may not do this',
  404: 'It does not exist, or the caller may not see it',
  409: 'It is not in a state for this',
  410: 'It existed and is gone',
  411: 'The length of the body is not said',
  412: 'A precondition of the request does not hold',
  413: 'The body is too large',
  415: 'The media type is not supported',
  416: 'No requested range lies within the file',
  422: 'It is understood and cannot be done',
  423: 'Another request is at work on it',
  460: 'The bytes do not have the announced checksum',
  429: 'Too many requests',
  408: 'The request took too long to arrive',
  502: 'The content of the file is not in its place',
  507: 'There is no room for the file',
  503: 'A part that the service depends on is not available; Retry-After says when to try again',
};

/** Documents the problem answers of a route. */
export const ApiProblems = (...statuses: number[]): ClassDecorator & MethodDecorator =>
  applyDecorators(
    ApiExtraModels(ProblemDto),
    ...statuses.map((status) =>
      ApiResponse({
        status,
        description: MEANING[status] ?? 'Error',
        content: { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemDto) } } },
      }),
    ),
  );
