import { S3ObjectStore } from '../../src/modules/storage/drivers/s3/s3-object-store.js';
import { objectStoreContract } from './object-store.contract.js';

const endpoint = process.env.TEST_S3_ENDPOINT ?? '';
objectStoreContract('MinIO', () => {
  const prefix = `${String(Math.random()).slice(2)}/`;
  const volume = {
    name: 's3',
    driver: 's3' as const,
    endpoint,
    publicEndpoint: endpoint,
    region: 'us-east-1',
    bucket: 'contract',
    prefix,
    accessKey: 'minioadmin',
    secretKey: 'minioadmin',
    caFile: undefined,
    urlTtl: 300,
    delivery: 'auto' as const,
  };
  return Promise.resolve({ store: new S3ObjectStore(volume), leftovers: () => Promise.resolve([]) });
});
