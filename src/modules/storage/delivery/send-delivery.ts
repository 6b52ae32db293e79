import type { FastifyReply, FastifyRequest } from 'fastify';
import { addVary, type ByteRange, nginxInstanceOf } from '../../../common/http/index.js';
import { chunksOf } from '../reusing-readable.js';
import type { Delivery } from './delivery.js';
import { contentRange, multipartRanges } from './multipart-ranges.js';
import { proxyHeaders } from './proxy-headers.js';
import { representationHeaders, validatorHeaders } from './representation-headers.js';
import { sendBody } from './send-body.js';
import { nginxLimit, paced, pacingHeaders } from './transfer-pace.js';

type Stream = Extract<Delivery, { mode: 'stream' }>;

/** Answers with a delivery: the only place that knows how each mode looks on the wire. */
export async function sendDelivery(
  delivery: Delivery,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  // RULES 5.5; other headers that the answer depends on may be named already.
  if (delivery.mode !== 'redirect' && !delivery.representation.public) {
    addVary(reply, 'Authorization, X-API-Key');
  }
  switch (delivery.mode) {
    case 'not-modified':
      void reply.status(304).headers(validatorHeaders(delivery.representation)).send();
      return;
    case 'accel':
      void reply
        .headers(representationHeaders(delivery.representation))
        .headers({ ...nginxLimit(delivery), 'X-Accel-Redirect': delivery.internalPath })
        .send();
      return;
    case 'accel-s3':
      void reply
        .headers(representationHeaders(delivery.representation))
        .headers({ ...nginxLimit(delivery), ...proxyHeaders(delivery) })
        .send();
      return;
    case 'redirect':
      void reply
        .status(302)
        .headers({ Location: delivery.location, 'Cache-Control': 'private, no-store' })
        .send();
      return;
    case 'stream':
      await stream(delivery, request, reply);
  }
}

/** What is sent and how long it is. Always with Content-Length: a body that ends early must be visible to the client. */
interface StreamBody {
  readonly length: number;
  readonly open: (signal: AbortSignal) => Promise<AsyncIterable<Buffer>>;
}

async function stream(delivery: Stream, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const byNginx = nginxInstanceOf(request) !== undefined;
  void reply.headers({
    ...representationHeaders(delivery.representation),
    ...(byNginx && pacingHeaders(delivery)),
  });
  const { length, open } = bodyOf(delivery, reply);
  void reply.header('Content-Length', length);
  // One signal from the client's socket to the object store: when the client goes, the read ends.
  const client = new AbortController();
  const { socket } = request.raw;
  // Who closes its half is gone, as nginx has it. Node would first wait until it has read what is on its way.
  const gone = (): void => {
    reply.raw.destroy();
  };
  socket.once('end', gone);
  reply.raw.once('close', () => {
    socket.off('end', gone);
    client.abort();
  });
  const empty = request.method === 'HEAD' || length === 0;
  // While this can fail the answer can still be a problem.
  const body = empty ? undefined : await open(client.signal);
  reply.hijack();
  reply.raw.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string | number>);
  if (body === undefined) reply.raw.end();
  else void send(reply, paced(body, delivery, byNginx, client.signal));
}

async function send(reply: FastifyReply, body: AsyncIterable<Buffer>): Promise<void> {
  try {
    await sendBody(reply.raw, body);
  } catch (error) {
    if (!reply.raw.destroyed) reply.log.error({ err: error }, 'the body ended early');
    // The only way left to show the client that this is not all.
    reply.raw.destroy();
  }
}

function bodyOf({ representation, selection, open }: Stream, reply: FastifyReply): StreamBody {
  const { size } = representation;
  const part = (range: ByteRange): StreamBody => ({
    length: range.last - range.first + 1,
    open: async (signal) => chunksOf(await open(range, signal)),
  });
  if (selection.kind === 'whole') return part({ first: 0, last: size - 1 });
  void reply.status(206);
  const [first, ...rest] = selection.ranges;
  if (rest.length === 0) {
    void reply.header('Content-Range', contentRange(first, size));
    return part(first);
  }
  const parts = multipartRanges(representation, selection.ranges);
  void reply.header('Content-Type', parts.contentType);
  return {
    length: parts.length,
    open: (signal) => Promise.resolve(parts.body((range) => open(range, signal))),
  };
}
