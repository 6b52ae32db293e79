import { fileTypeFromBuffer } from 'file-type';

/** Runs in the worker thread of `TypeDetection`. */
export default async function run(firstBytes: Uint8Array): Promise<string | undefined> {
  return (await fileTypeFromBuffer(firstBytes))?.mime;
}
