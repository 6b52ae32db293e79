import { findGoTool } from '../../scripts/bootstrap/go-tools.mjs';

/** Whether this machine has a MinIO: `npm test` builds one where it can. */
export const HAS_MINIO = findGoTool('minio') !== undefined;
/** The second S3 engine. */
export const HAS_VERSITYGW = findGoTool('versitygw') !== undefined;
