import type { Readable } from 'node:stream';
import type { ByteRange, RangeSelection } from '../../../common/http/index.js';
import type { Shape } from '../shaping/shaped.js';
import type { Representation } from './representation.js';

/** How fast one transfer may be. */
interface Limited {
  /** Bytes per second; undefined: as fast as it goes. */
  readonly transferRate?: number | undefined;
}

/** How a file gets to the client: a value, decided by `chooseDelivery`, written by `sendDelivery`. */
export type Delivery =
  /** The client has it already (304). */
  | { readonly mode: 'not-modified'; readonly representation: Representation }
  /** nginx sends it from `internalPath`, percent-encoded; it obeys Range by itself where that location allows it. */
  | (Limited & {
      readonly mode: 'accel';
      readonly internalPath: string;
      readonly representation: Representation;
    })
  /** nginx fetches it from a store: the whole, or `range` (bytes, inclusive). `internalPath` holds a presigned query. */
  | (Limited & {
      readonly mode: 'accel-s3';
      readonly internalPath: string;
      readonly range: ByteRange | undefined;
      readonly representation: Representation;
    })
  /** The client fetches it from the store, by a presigned URL (302). */
  | { readonly mode: 'redirect'; readonly location: string }
  /** The application sends it. */
  | (Limited & {
      readonly mode: 'stream';
      readonly representation: Representation;
      readonly selection: Exclude<RangeSelection, { kind: 'unsatisfiable' }>;
      readonly open: (range: ByteRange, signal: AbortSignal) => Promise<Readable>;
      /** What else slows it down. */
      readonly shape?: Shape | undefined;
    });
