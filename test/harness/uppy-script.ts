import Uppy from '@uppy/core';
import Tus from '@uppy/tus';
import type { UppySettings, UppyState } from './uppy-page.js';

/** As much of a browser as the script needs: the checks know no DOM. */
interface Page {
  readonly settings: UppySettings;
  readonly document: { querySelector(selector: 'input'): Input };
  state: UppyState;
}
interface Input {
  addEventListener(event: 'change', listener: (event: { target: Input }) => void): void;
  readonly files: Iterable<File>;
}

const page = globalThis as unknown as Page;
const { endpoint, token, chunkSize, pause } = page.settings;
page.state = { sent: 0 };

const uppy = new Uppy({ autoProceed: true }).use(Tus, {
  endpoint,
  chunkSize,
  headers: { Authorization: `Bearer ${token}` },
  retryDelays: Array<number>(60).fill(500),
  onBeforeRequest: () => new Promise<void>((resolve) => setTimeout(resolve, pause)),
  onAfterResponse: (request, response) => {
    const offset = Number(response.getHeader('Upload-Offset'));
    const fileId = response.getHeader('X-File-Id');
    page.state = {
      ...page.state,
      sent: Math.max(offset, page.state.sent),
      ...(request.getMethod() === 'HEAD' && page.state.sent === 0 && { resumedFrom: offset }),
      ...(request.getMethod() === 'POST' && { created: (page.state.created ?? 0) + 1 }),
      ...(fileId && { fileId }),
    };
  },
});
uppy.on('upload-error', (_, { message }) => {
  page.state = { ...page.state, error: message };
});

page.document.querySelector('input').addEventListener('change', ({ target: { files } }) => {
  for (const file of files) uppy.addFile({ name: file.name, type: file.type, data: file });
});
