import { once } from 'node:events';
import { connect } from 'node:net';

/**
 * Writes `text` to the server as it is and reads until the server closes, or says nothing for `quiet` milliseconds.
 * @param text latin1, with its line ends
 * @returns everything that came, latin1
 */
export async function sendRaw(origin: string, text: string, quiet = 1_500): Promise<string> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.setTimeout(quiet, () => socket.end(() => socket.destroy()));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  socket.write(Buffer.from(text, 'latin1'));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

/** The status of each answer in the order in which they came. Bodies must not look like a status line. */
export function statusesOf(answers: string): number[] {
  return Array.from(answers.matchAll(/HTTP\/1\.[01] (\d{3}) /g), ([, status]) => Number(status));
}
