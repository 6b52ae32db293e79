import { registerDecorator } from 'class-validator';

/** RFC 3339 §5.6 with capital letters, and without leap seconds: no clock of ours has them. */
const FORM =
  /^(\d{4}-(\d\d)-(\d\d))T([01]\d|2[0-3])(:[0-5]\d){2}(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/** Whether it names a moment: ISO 8601 has forms, such as weeks, that neither JavaScript nor PostgreSQL reads. */
export function isTimestamp(value: unknown): value is string {
  const date = typeof value === 'string' ? FORM.exec(value)?.[1] : undefined;
  if (date === undefined) return false;
  // The 30th of February would become a day in March.
  const day = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date);
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
        defaultMessage: () => 'must be a time with a zone (RFC 3339), as in 2027-01-01T00:00:00Z',
      },
    });
  };
}
