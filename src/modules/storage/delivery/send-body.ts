import type { ServerResponse } from 'node:http';

/**
 * Writes a body whose chunks are each valid until the next one is asked for: that happens when the kernel has taken the one before.
 * So a transfer holds a chunk or two, however fast the source and slow the client. Ends the response.
 * @throws what `body` fails with, or when the client goes away
 */
export async function sendBody(response: ServerResponse, body: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of body) await written(response, chunk);
  response.end();
}

function written(response: ServerResponse, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = (): void => {
      reject(new Error('the client went away'));
    };
    response.once('close', gone);
    response.write(chunk, (error) => {
      response.off('close', gone);
      if (error) reject(error);
      else resolve();
    });
  });
}
