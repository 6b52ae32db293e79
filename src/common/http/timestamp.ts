import { registerDecorator } from 'class-validator';

/** RFC 3339 §5.6, without leap seconds, which neither Date nor PostgreSQL keeps. */
const FORM =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/** Whether it is a time that exists, in the one form that everybody reads alike. */
export function isTimestamp(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  const [, year, month, day] = FORM.exec(value) ?? [];
  if (year === undefined) return false;
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return (
    date.getUTCMonth() === Number(month) - 1 &&
    date.getUTCDate() === Number(day) &&
    !Number.isNaN(Date.parse(value))
  );
}

/** The member of a DTO is such a text. */
export function IsTimestamp(): PropertyDecorator {
  return (target, property) => {
    registerDecorator({
      name: 'isTimestamp',
      target: target.constructor,
      propertyName: String(property),
      validator: {
        validate: isTimestamp,
        defaultMessage: () => 'must be a time with a zone, as in 2027-01-01T00:00:00Z',
      },
    });
  };
}
