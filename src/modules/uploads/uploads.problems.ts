import {
  Problem,
  type ProblemKind,
  unsupportedMediaType,
  validationFailed,
} from '../../common/problems/index.js';
import { contentTypeNotAllowed } from '../file-meta/index.js';

const uploadNotFoundKind: ProblemKind = {
  code: 'upload-not-found',
  status: 404,
  title: 'The upload does not exist',
};
const uploadExpiredKind: ProblemKind = {
  code: 'upload-expired',
  status: 410,
  title: 'The upload has expired',
};
const uploadIncompleteKind: ProblemKind = {
  code: 'upload-incomplete',
  status: 409,
  title: 'Parts of the file are missing',
};
const uploadBusyKind: ProblemKind = {
  code: 'upload-busy',
  status: 409,
  title: 'Another request is at work on the upload',
};
const uploadCompletedKind: ProblemKind = {
  code: 'upload-completed',
  status: 409,
  title: 'The upload is a file already',
};
const chunkDiffersKind: ProblemKind = {
  code: 'chunk-differs',
  status: 409,
  title: 'The chunk is there already, with other bytes',
};
const digestMismatchKind: ProblemKind = {
  code: 'digest-mismatch',
  status: 422,
  title: 'The bytes are not those that were announced',
};
const proofRefusedKind: ProblemKind = {
  code: 'proof-refused',
  status: 422,
  title: 'The content has not been proven',
};
const lengthRequiredKind: ProblemKind = {
  code: 'length-required',
  status: 411,
  title: 'The request does not say how long its body is',
};

export function malformedForm(field: string, message: string): Problem {
  return new Problem(validationFailed, { errors: [{ field, message }] });
}

export function notMultipart(): Problem {
  return new Problem(unsupportedMediaType, { detail: 'Send multipart/form-data with the part "file".' });
}

/** There is none, or it is another user's. */
export function uploadNotFound(): Problem {
  return new Problem(uploadNotFoundKind);
}

export function uploadExpired(): Problem {
  return new Problem(uploadExpiredKind, { detail: 'Begin a new one.' });
}

/** @param detail what is missing */
export function uploadIncomplete(detail: string): Problem {
  return new Problem(uploadIncompleteKind, { detail });
}

export function uploadBusy(): Problem {
  return new Problem(uploadBusyKind, { headers: { 'Retry-After': '1' } });
}

/** It takes no more bytes, and never had any when its content was there before. */
export function uploadCompleted(): Problem {
  return new Problem(uploadCompletedKind, { detail: 'Ask for the upload: its answer has the file.' });
}

export function chunkDiffers(index: number): Problem {
  return new Problem(chunkDiffersKind, {
    detail: `Chunk ${index} stays as it is. To send another file, begin another upload.`,
  });
}

/** @param detail which digest of what */
export function digestMismatch(detail: string): Problem {
  return new Problem(digestMismatchKind, { detail });
}

/** @param detail why; the upload goes on in any case */
export function proofRefused(detail: string): Problem {
  return new Problem(proofRefusedKind, { detail: `${detail} Send the bytes.` });
}

/** A session that failed for what its bytes are, also when it is asked again. */
export function uploadFailed(failure: string): Problem {
  if (failure === digestMismatchKind.code) return wholeMismatch();
  if (failure === contentTypeNotAllowed('').kind.code)
    return contentTypeNotAllowed('The content of the upload is of a type that is not taken here.');
  return uploadEnded(failure);
}

/** @param failure code of the problem that it had */
export function uploadEnded(failure: string): Problem {
  return new Problem(uploadExpiredKind, { detail: `The upload has failed (${failure}). Begin a new one.` });
}

export function wholeMismatch(): Problem {
  return digestMismatch(
    'The SHA-256 of the file is not the one with which the upload was begun. The upload has ended; begin a new one.',
  );
}

/** RFC 9110 §15.5.12. */
export function lengthRequired(): Problem {
  return new Problem(lengthRequiredKind, { detail: 'Send Content-Length.' });
}
