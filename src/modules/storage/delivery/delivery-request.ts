import type { ConditionalHeaders } from '../../../common/http/index.js';

/** The part of a GET or HEAD that decides how it is answered. */
export interface DeliveryRequest extends ConditionalHeaders {
  readonly head?: boolean;
  readonly range?: string | undefined;
  /** Whether it has a Range that says nothing, as two of them do: another server might read it. */
  readonly rangeIgnored?: boolean;
  /** Whether the client would send its `Authorization` to wherever it is redirected; stores refuse it beside a signature. */
  readonly sendsCredentialsOn?: boolean;
}

/** Whether the answer depends on what the client has already (RFC 9110 §13.1). */
export function isConditional(request: ConditionalHeaders): boolean {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince, ifRange } = request;
  return [ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince, ifRange].some(
    (value) => value !== undefined,
  );
}
