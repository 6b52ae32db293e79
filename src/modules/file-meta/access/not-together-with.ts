import { registerDecorator, type ValidationArguments } from 'class-validator';

/** The member of a DTO is there only without the other one. */
export function NotTogetherWith(other: string): PropertyDecorator {
  return (target, property) => {
    registerDecorator({
      name: 'notTogetherWith',
      target: target.constructor,
      propertyName: String(property),
      validator: {
        validate: (_value: unknown, { object }: ValidationArguments) =>
          (object as Record<string, unknown>)[other] === undefined,
        defaultMessage: () => `must not be sent together with ${other}: one of the two`,
      },
    });
  };
}
