import { Problem, validationFailed } from '../../../common/problems/index.js';

/** What @fastify/multipart and its parser say of a body that is no complete form, by message or by code. */
const NOT_A_FORM =
  /Unexpected end of multipart data|terminated early|Boundary not found|Malformed part header/;
const NOT_OUR_FORM = new Set([
  'ERR_STREAM_PREMATURE_CLOSE',
  'FST_MP_PREMATURE_CLOSE',
  'FST_PARTS_LIMIT',
  'FST_FILES_LIMIT',
  'FST_FIELDS_LIMIT',
  'FST_PROTO_VIOLATION',
  'FST_INVALID_JSON_FIELD_ERROR',
]);

/** 400 for what the parser of forms refuses; undefined for every other error. */
export function formProblem(error: unknown): Problem | undefined {
  if (!(error instanceof Error) || error instanceof Problem) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return NOT_OUR_FORM.has(code) || NOT_A_FORM.test(error.message)
    ? new Problem(validationFailed, {
        detail: 'The form is cut off, malformed or has too many parts.',
        cause: error,
      })
    : undefined;
}
