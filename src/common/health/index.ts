export { VolumeHealthDto } from './health.dto.js';
export { HealthModule } from './health.module.js';
export { OperatorCheck } from './operator-check.js';
export { VolumesHealth } from './volumes-health.js';
