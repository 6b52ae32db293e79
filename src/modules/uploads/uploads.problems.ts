import { Problem, unsupportedMediaType, validationFailed } from '../../common/problems/index.js';

export function malformedForm(field: string, message: string): Problem {
  return new Problem(validationFailed, { errors: [{ field, message }] });
}

export function notMultipart(): Problem {
  return new Problem(unsupportedMediaType, { detail: 'Send multipart/form-data with the part "file".' });
}
