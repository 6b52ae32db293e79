import { findBoto3 } from '../../scripts/bootstrap/boto3.mjs';
import { findGoTool } from '../../scripts/bootstrap/go-tools.mjs';

/** Whether this machine has a MinIO: `npm test` builds one where it can. */
export const HAS_MINIO = findGoTool('minio') !== undefined;
/** The second S3 engine. */
export const HAS_VERSITYGW = findGoTool('versitygw') !== undefined;
/** An S3 client of another make: `npm test` fetches it where it can. */
export const HAS_BOTO3 = findBoto3() !== undefined;
