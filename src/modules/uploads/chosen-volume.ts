import { forbidden, type UserPrincipal } from '../auth/index.js';
import type { Volumes } from '../storage/index.js';
import { malformedForm } from './uploads.problems.js';

/**
 * The name of the volume that an admin has chosen for an upload. Which volumes there are is the operators' business: nobody else
 * is told. An input that was left empty, which browsers send all the same, chooses none.
 * @throws Problem `forbidden` (403), `validation-failed` (400)
 */
export function chosenVolume(value: unknown, { role }: UserPrincipal, volumes: Volumes): string | undefined {
  if (value === '') return undefined;
  if (role === 'user') throw forbidden('Only admins choose the volume of an upload.');
  const volume = typeof value === 'string' ? volumes.find(value) : undefined;
  if (volume !== undefined) return volume.name;
  const known =
    role === 'operator' ? `must be one of ${volumes.names.join(', ')}` : 'must be the name of a volume';
  throw malformedForm('volume', known);
}
