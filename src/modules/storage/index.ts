export { ContentDigest, type ContentFacts } from './content-digest.js';
export { chooseDelivery } from './delivery/choose-delivery.js';
export type { DeliveryRequest } from './delivery/delivery-request.js';
export type { Delivery } from './delivery/delivery.js';
export { DeliveryInterceptor } from './delivery/delivery.interceptor.js';
export type { Representation } from './delivery/representation.js';
export { newObjectKey, type ObjectKey, objectKey } from './object-key.js';
export { type IssuedCredentials, ObjectCredentials } from './object-credentials.js';
export { ObjectExists, ObjectNotFound, ObjectStore, VolumeFull } from './object-store.js';
export {
  contentMissing,
  credentialsUnavailable,
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
export { StorageModule } from './storage.module.js';
export { type Volume, Volumes } from './volumes.js';
