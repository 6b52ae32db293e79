/** The few members that we read of S3's XML documents, whose form is fixed by the API. */

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
  '&quot;': '"',
  '&apos;': "'",
  '&#34;': '"',
  '&#39;': "'",
};

function textOf(xml: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return found?.replace(/&(?:lt|gt|amp|quot|apos|#34|#39);/g, (entity) => ENTITIES[entity] ?? entity);
}

/** @param xml InitiateMultipartUploadResult */
export function uploadIdOf(xml: string): string {
  const id = textOf(xml, 'UploadId');
  if (id === undefined || id === '') throw new Error('the store gave no upload id');
  return id;
}

/** @param xml CompleteMultipartUploadResult @returns the object's entity tag, quoted */
export function completedTag(xml: string): string | undefined {
  const tag = textOf(xml, 'ETag');
  return tag === undefined || tag === '' ? undefined : `"${tag.replaceAll('"', '')}"`;
}

/** @param xml ListMultipartUploadsResult @returns ids of the uploads of exactly that key */
export function incompleteUploads(xml: string, key: string): string[] {
  return [...xml.matchAll(/<Upload>.*?<\/Upload>/gs)]
    .filter(([upload]) => textOf(upload, 'Key') === key)
    .map(([upload]) => textOf(upload, 'UploadId') ?? '');
}

/** Whether it is the answer to GetBucketLocation, and not a page of something else that answers there. */
export function isLocation(xml: string): boolean {
  return /<LocationConstraint[\s/>]/.test(xml);
}

/** @param xml Error, or ErrorResponse of STS @returns such as `AccessDenied`; undefined when it is neither */
export function errorCode(xml: string): string | undefined {
  return /<Error>.*?<Code>([^<]*)<\/Code>/s.exec(xml)?.[1];
}

/** Temporary credentials of a store. */
export interface StoreCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiresAt: Date;
}

/** @param xml AssumeRoleResponse @returns undefined when it is something else */
export function assumedRole(xml: string): StoreCredentials | undefined {
  const accessKeyId = textOf(xml, 'AccessKeyId');
  const secretAccessKey = textOf(xml, 'SecretAccessKey');
  const sessionToken = textOf(xml, 'SessionToken');
  const expiresAt = new Date(textOf(xml, 'Expiration') ?? '');
  if (!accessKeyId || !secretAccessKey || !sessionToken || Number.isNaN(expiresAt.getTime()))
    return undefined;
  return { accessKeyId, secretAccessKey, sessionToken, expiresAt };
}

/** @param xml LifecycleConfiguration, or nothing @returns the same with one more rule */
export function withLifecycleRule(xml: string | undefined, rule: string): string {
  return xml === undefined
    ? `<LifecycleConfiguration>${rule}</LifecycleConfiguration>`
    : xml.replace(/<\/LifecycleConfiguration>\s*$/, `${rule}</LifecycleConfiguration>`);
}
