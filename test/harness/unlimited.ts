/** Tests are one user that does much at once; the limits have suites of their own. */
export const UNLIMITED = {
  RATE_LIMIT_DOWNLOADS: '1000000000',
  DOWNLOAD_MAX_CONCURRENT: '1000000',
  UPLOAD_MAX_SESSIONS: '10000',
};
