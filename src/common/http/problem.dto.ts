export class FieldErrorDto {
  /** Name of the wrong member. @example filename */
  field!: string;
  /** @example must be shorter than or equal to 255 characters */
  message!: string;
}

/** RFC 9457 problem document. */
export class ProblemDto {
  /** @example urn:problem-type:download-service:file-not-found */
  type!: string;
  /** @example The file does not exist */
  title!: string;
  /** @example 404 */
  status!: number;
  /** About this occurrence. */
  detail?: string;
  /** Path of the request. @example /download/42 */
  instance!: string;
  /** Stable slug: see docs/problems.md. @example file-not-found */
  code!: string;
  /** Names the request in the logs. @example 6f1d2c0e9a4b4c1d8e7f60718293a4b5 */
  requestId!: string;
  errors?: FieldErrorDto[];
}
