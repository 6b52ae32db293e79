/** Tests are one user that does much at once; the limits of downloads and of uploads have suites of their own. */
export const UNLIMITED = {
  RATE_LIMIT_DOWNLOADS: '1000000000',
  DOWNLOAD_MAX_CONCURRENT: '1000000',
  UPLOAD_MAX_SESSIONS: '10000',
};

/** Of uploads too: sessions that a fault has cut short are open until they expire. */
export const UNLIMITED_UPLOADS = {
  RATE_LIMIT_API: '1000000',
  RATE_LIMIT_CHUNKS: '1000000',
  UPLOAD_MAX_SESSIONS: '10000',
  UPLOAD_MAX_IN_FLIGHT: String(2 ** 40),
};
