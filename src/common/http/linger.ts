import type { IncomingMessage, ServerResponse } from 'node:http';

/** Milliseconds in which the rest of a body that nobody wants is read and thrown away. */
const LINGER_TIME = 5_000;

/**
 * Lets an answer that comes before the end of the request's body arrive. Closing a socket that has unread bytes resets it,
 * and the reset may overtake the answer; a proxy in front then reports a broken upstream instead. So only our side is
 * closed, and the rest is read for a while (RFC 9112 §9.6); a client that goes on sending after that is cut off.
 */
export function lingerAfter(response: ServerResponse, request: IncomingMessage): void {
  if (request.complete) return;
  const { socket } = request;
  const closeWhenWritten = socket.destroySoon.bind(socket);
  let closing = false;
  // What Node calls after the last answer of a connection.
  socket.destroySoon = () => {
    closing = true;
    socket.end();
  };
  response.once('finish', () => {
    const timer = setTimeout(() => socket.destroy(), LINGER_TIME);
    request.unpipe();
    request.resume();
    request.once('close', () => {
      clearTimeout(timer);
      socket.destroySoon = closeWhenWritten;
      if (closing) closeWhenWritten();
    });
  });
}
