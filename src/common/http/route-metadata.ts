import { type CustomDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';

type Handler = ReturnType<ExecutionContext['getHandler']>;

/**
 * Something that a decorator says of a route, on its method or else on its controller. Guards ask for it at each request, and get
 * always the same answer, so it is kept.
 */
export class RouteMetadata<T> {
  private readonly known = new WeakMap<Handler, { readonly value: T | undefined }>();

  constructor(private readonly key: symbol) {}

  set(value: T): CustomDecorator<symbol> {
    return SetMetadata(this.key, value);
  }

  of(context: ExecutionContext): T | undefined {
    const handler = context.getHandler();
    const found = this.known.get(handler);
    if (found !== undefined) return found.value;
    const value = (Reflect.getMetadata(this.key, handler) ??
      Reflect.getMetadata(this.key, context.getClass())) as T | undefined;
    this.known.set(handler, { value });
    return value;
  }
}
