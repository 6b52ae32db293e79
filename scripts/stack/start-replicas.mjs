import { availableParallelism } from 'node:os';

/**
 * Starts the application's processes, at a time as many as this machine has cores: each of them wants a whole one, and all of
 * them at once would be ready too late.
 * @template Spec, Part
 * @param {readonly Spec[]} specs
 * @param {(spec: Spec) => Promise<Part>} start resolves when it is ready
 * @returns {Promise<Part[]>} in the order of `specs`
 */
export async function startReplicas(specs, start) {
  const waiting = [...specs.entries()];
  /** @type {Part[]} */
  const parts = [];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, spec] = next;
      parts[index] = await start(spec);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return parts;
}
