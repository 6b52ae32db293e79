import { type ArgumentMetadata, ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { type FieldError, Problem, validationFailed } from '../problems/index.js';

/** The stock one takes a list or a text for an object without members: where all are optional, they would come through. */
class ObjectBodyPipe extends ValidationPipe {
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const read: unknown = await super.transform(value, metadata);
    if (metadata.type === 'body' && value !== undefined && !isObject(value)) {
      throw new Problem(validationFailed, { detail: 'The body must be a JSON object.' });
    }
    return read;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Checks every DTO; unknown members are refused, so that a typing error is not silently ignored. */
export function validationPipe(): ValidationPipe {
  return new ObjectBodyPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    validationError: { target: false, value: false },
    exceptionFactory: (errors) => new Problem(validationFailed, { errors: flatten(errors) }),
  });
}

function flatten(errors: readonly ValidationError[], prefix = ''): FieldError[] {
  return errors.flatMap((error) => {
    const field = prefix + error.property;
    const own = Object.values(error.constraints ?? {}).map((message) => ({ field, message }));
    return [...own, ...flatten(error.children ?? [], `${field}.`)];
  });
}
