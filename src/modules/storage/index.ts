export { AppendStore } from './append-store.js';
export { ContentDigest, type ContentFacts } from './content-digest.js';
export { chooseDelivery, type DeliveryLimits } from './delivery/choose-delivery.js';
export type { DeliveryRequest } from './delivery/delivery-request.js';
export type { Delivery } from './delivery/delivery.js';
export { sendDelivery } from './delivery/send-delivery.js';
export type { Representation } from './delivery/representation.js';
export { type Leftover, Leftovers } from './leftovers.js';
export { countDead } from './dead-buffers.js';
export { chunksOf, ReusingReadable } from './reusing-readable.js';
export { newObjectKey, type ObjectKey, objectKey } from './object-key.js';
export { type IssuedCredentials, ObjectCredentials } from './object-credentials.js';
export { DirectParts, type PartUrls, type StoredPart } from './direct-parts.js';
export { type OpenUpload, PartLength, PartMissing, type PartPlace, PartStore } from './part-store.js';
export { ObjectExists, ObjectNotFound, ObjectStore, VolumeFull } from './object-store.js';
export {
  contentMissing,
  credentialsUnavailable,
  directUploadUnavailable,
  insufficientStorage,
  isContentMissing,
  notDeliverable,
} from './storage.problems.js';
export {
  type ObjectVerdict,
  OBJECT_VERDICTS,
  openWhole,
  verifyObject,
  type Verification,
} from './verify-object.js';
export type { Rate } from './shaping/allowance.js';
export { type Shape, shaped } from './shaping/shaped.js';
export { BURST, SEND_WITHIN, TokenBucket, type Turn } from './shaping/token-bucket.js';
export { StorageModule } from './storage.module.js';
export { BackgroundDigests } from './hashing/background-digests.js';
export { TailStore } from './tail-store.js';
export { type Volume, Volumes } from './volumes.js';
