import { Readable } from 'node:stream';
import {
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  StreamableFile,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, type Observable, switchMap } from 'rxjs';
import type { Delivery } from './delivery.js';
import { contentRange, multipartRanges } from './multipart-ranges.js';
import { representationHeaders, validatorHeaders } from './representation-headers.js';

type Body = StreamableFile | undefined;

/** Writes a `Delivery` to the reply: the only place that knows how each mode looks on the wire. */
@Injectable()
export class DeliveryInterceptor implements NestInterceptor<Delivery, Body> {
  intercept(context: ExecutionContext, next: CallHandler<Delivery>): Observable<Body> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return next.handle().pipe(switchMap((delivery) => from(write(delivery, request, reply))));
  }
}

async function write(delivery: Delivery, request: FastifyRequest, reply: FastifyReply): Promise<Body> {
  switch (delivery.mode) {
    case 'not-modified':
      void reply.status(304).headers(validatorHeaders(delivery.representation));
      return undefined;
    case 'accel':
      void reply.headers({
        ...representationHeaders(delivery.representation),
        'X-Accel-Redirect': delivery.internalPath,
      });
      return undefined;
    case 'stream':
      return stream(delivery, request, reply);
  }
}

async function stream(
  { representation, selection, open }: Extract<Delivery, { mode: 'stream' }>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Body> {
  void reply.headers(representationHeaders(representation));
  // One signal from the client's socket to the object store: when the client goes, the read ends.
  const client = new AbortController();
  reply.raw.once('close', () => {
    client.abort();
  });
  const send = (length: number, body: () => Promise<Readable> | Readable): Promise<Body> =>
    answer(length, request, reply, body);

  if (selection.kind === 'whole') {
    const { size } = representation;
    return send(size, () =>
      size === 0 ? Readable.from([]) : open({ first: 0, last: size - 1 }, client.signal),
    );
  }
  void reply.status(206);
  const [first, ...rest] = selection.ranges;
  if (rest.length === 0) {
    void reply.header('Content-Range', contentRange(first, representation.size));
    return send(first.last - first.first + 1, () => open(first, client.signal));
  }
  const parts = multipartRanges(representation, selection.ranges);
  void reply.header('Content-Type', parts.contentType);
  return send(parts.length, () =>
    Readable.from(
      parts.body((range) => open(range, client.signal)),
      { objectMode: false },
    ),
  );
}

/** Always with Content-Length: a body that ends early must be visible to the client. */
async function answer(
  length: number,
  request: FastifyRequest,
  reply: FastifyReply,
  body: () => Promise<Readable> | Readable,
): Promise<Body> {
  void reply.header('Content-Length', length);
  // For HEAD Fastify throws the stream away and keeps the headers; an absent body would make Content-Length 0.
  return new StreamableFile(request.method === 'HEAD' ? Readable.from([]) : await body());
}
