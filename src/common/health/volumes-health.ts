import type { VolumeHealthDto } from './health.dto.js';

/** How the volumes are. */
export abstract class VolumesHealth {
  /** In the order of the configuration, within about two seconds, whatever they do; it never throws. */
  abstract read(): Promise<VolumeHealthDto[]>;
}
