import { ValidateBy } from 'class-validator';
import { filenameFault } from './filename.js';

/** For DTOs: a text that a file may be called. */
export const FilenameRule = (): PropertyDecorator =>
  ValidateBy({
    name: 'filename',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && filenameFault(value) === undefined,
      defaultMessage: (details) => {
        const value: unknown = details?.value;
        return `must ${typeof value === 'string' ? (filenameFault(value) ?? '') : 'be a file name'}`;
      },
    },
  });
