import { Problem, type ProblemKind } from '../../../common/problems/index.js';
import { TUS_VERSION } from './tus-protocol.js';

const versionKind: ProblemKind = {
  code: 'tus-version-unsupported',
  status: 412,
  title: 'The version of the tus protocol is not supported',
};
const offsetKind: ProblemKind = {
  code: 'upload-offset-mismatch',
  status: 409,
  title: 'The upload has come to another offset',
};
const lockedKind: ProblemKind = {
  code: 'upload-locked',
  status: 423,
  title: 'Another request is sending bytes of the upload',
};
const checksumKind: ProblemKind = {
  code: 'checksum-mismatch',
  status: 460,
  title: 'The bytes do not have the announced checksum',
};

/** tus 1.0, "Tus-Version". */
export function versionUnsupported(): Problem {
  return new Problem(versionKind, {
    detail: `Send "Tus-Resumable: ${TUS_VERSION}".`,
    headers: { 'Tus-Version': TUS_VERSION },
  });
}

export function offsetMismatch(received: number): Problem {
  return new Problem(offsetKind, { detail: `${received} bytes are there: go on from there.` });
}

/** Somebody else does not give it up. */
export function uploadLocked(): Problem {
  return new Problem(lockedKind, { headers: { 'Retry-After': '1' } });
}

/** tus 1.0, "Checksum". */
export function checksumMismatch(): Problem {
  return new Problem(checksumKind, { detail: 'Nothing of the request was kept: send it again.' });
}
