import { channel } from 'node:diagnostics_channel';

/** The steps of an upload, between any two of which a machine may stop. */
export type UploadStep =
  | 'session-inserted'
  | 'object-begun'
  | 'session-begun'
  | 'part-written'
  | 'part-acknowledged'
  | 'verifying'
  | 'object-completed'
  | 'content-verified'
  | 'publishing'
  | 'published'
  | 'duplicate-discarded'
  | 'session-failed'
  | 'session-removed';

const steps = channel('download-service:upload');

/** Says that a step has been done; costs nothing when nobody listens. Tests stop the process at it. */
export function reached(step: UploadStep): void {
  if (steps.hasSubscribers) steps.publish({ step });
}
