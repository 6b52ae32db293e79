import { Injectable, type PipeTransform } from '@nestjs/common';
import { Problem, validationFailed } from '../../../common/problems/index.js';
import { tagOfDownload } from '../admission/download-id.js';

/** Lets through what may be an `X-Download-Id`, and refuses everything else with 400. */
@Injectable()
export class DownloadIdPipe implements PipeTransform<string, string> {
  transform(value: string): string {
    if (tagOfDownload(value) !== undefined) return value;
    throw new Problem(validationFailed, { detail: 'The id of a download is what X-Download-Id says.' });
  }
}
