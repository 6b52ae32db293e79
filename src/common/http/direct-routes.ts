import { Injectable, Module, SetMetadata } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryModule, DiscoveryService, HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { sendProblem } from '../problems/index.js';

const DIRECT = Symbol('DIRECT');

/** What such a route's method looks like: it answers by the reply, sooner or later. What it throws is answered as a problem. */
export type DirectMethod = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/**
 * Fastify calls the method itself: none of Nest's guards, pipes and interceptors is between them, which cost more than a decision
 * (docs/adr/0015). The method asks for itself who calls, and reads its parameters. Only GET, with HEAD.
 */
export function Direct(): (
  target: object,
  name: string,
  method: TypedPropertyDescriptor<DirectMethod>,
) => void {
  return SetMetadata(DIRECT, true);
}

/** Gives Fastify the methods that are `@Direct()`, in the place of Nest's handlers. */
@Injectable()
class DirectRoutes {
  /** Looked for when the first route is registered: then the controllers are there, and no sooner. */
  private methods: Map<string, DirectMethod> | undefined;

  constructor(
    private readonly discovery: DiscoveryService,
    { httpAdapter }: HttpAdapterHost,
  ) {
    httpAdapter.getInstance<FastifyInstance>().addHook('onRoute', (route) => {
      this.replaceHandler(route);
    });
  }

  private replaceHandler(route: RouteOptions): void {
    if (route.method !== 'GET' && route.method !== 'HEAD') return;
    const method = (this.methods ??= this.find()).get(route.url);
    if (method === undefined) return;
    route.handler = (request, reply): void => {
      // As Nest has it: `/download/` is not the download of nothing.
      if (Object.values(request.params as object).includes('')) {
        reply.callNotFound();
        return;
      }
      method(request, reply).catch((error: unknown) => {
        sendProblem(error, request, reply);
      });
    };
  }

  private find(): Map<string, DirectMethod> {
    const found = new Map<string, DirectMethod>();
    for (const { instance, metatype } of this.discovery.getControllers()) {
      if (!isInstance(instance) || metatype === null) continue;
      const controller = String(Reflect.getMetadata(PATH_METADATA, metatype));
      for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(instance))) {
        const method = instance[name];
        if (typeof method !== 'function' || Reflect.getMetadata(DIRECT, method) !== true) continue;
        const path = String(Reflect.getMetadata(PATH_METADATA, method));
        found.set(`/${controller}/${path}`, (method as DirectMethod).bind(instance));
      }
    }
    return found;
  }
}

function isInstance(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

@Module({ imports: [DiscoveryModule], providers: [DirectRoutes] })
export class DirectRoutesModule {}
