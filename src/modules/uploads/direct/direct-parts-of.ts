import { type DirectParts, directUploadUnavailable, type Volume } from '../../storage/index.js';

/** @throws Problem `direct-upload-unavailable` (422) for a volume to which clients cannot send anything themselves */
export function directPartsOf(volume: Volume): DirectParts {
  if (volume.driver === 's3') return volume.direct;
  throw directUploadUnavailable('The volume is no object store: send the chunks to this service.');
}
