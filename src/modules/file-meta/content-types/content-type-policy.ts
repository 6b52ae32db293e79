import { Injectable } from '@nestjs/common';
import { UploadConfig } from '../../../common/config/config.js';
import { contentTypeNotAllowed } from '../file-meta.problems.js';

/** Which media types may be uploaded: `UPLOAD_TYPES_ALLOWED`, `UPLOAD_TYPES_DENIED`. */
@Injectable()
export class ContentTypePolicy {
  constructor(private readonly config: UploadConfig) {}

  /** Whether there is any type that may not be. */
  get restricts(): boolean {
    return this.config.allowedTypes.length > 0 || this.config.deniedTypes.length > 0;
  }

  /**
   * What the client says must be allowed, and what the content looks like, too, where it looks like anything: or a name would be
   * all that it takes.
   * @param claimed in lower case and without parameters, as is `detected`
   * @throws Problem `content-type-not-allowed` (415)
   */
  judge(claimed: string, detected?: string): void {
    if (!this.allows(claimed)) throw contentTypeNotAllowed(`Files of type ${claimed} are not taken.`);
    if (detected !== undefined && !this.allows(detected))
      throw contentTypeNotAllowed(`The content looks like ${detected}, which is not taken.`);
  }

  private allows(type: string): boolean {
    const { allowedTypes, deniedTypes } = this.config;
    const isOneOf = (ranges: readonly string[]): boolean => ranges.some((range) => includes(range, type));
    return (allowedTypes.length === 0 || isOneOf(allowedTypes)) && !isOneOf(deniedTypes);
  }
}

/** @param range a media type, or a whole kind as `image/*` */
function includes(range: string, type: string): boolean {
  return range.endsWith('/*') ? type.startsWith(range.slice(0, -1)) : type === range;
}
