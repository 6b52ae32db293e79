/** The few members that we read of S3's XML documents, whose form is fixed by the API; stores differ in prefixes and entities. */

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
  '&quot;': '"',
  '&apos;': "'",
  '&#34;': '"',
  '&#39;': "'",
  '&#x22;': '"',
  '&#x27;': "'",
};

function textOf(xml: string, name: string): string | undefined {
  const found = new RegExp(`<(?:\\w+:)?${name}(?:\\s[^>]*)?>([^<]*)</`).exec(xml)?.[1];
  return found?.replace(
    /&(?:lt|gt|amp|quot|apos|#34|#39|#x22|#x27);/g,
    (entity) => ENTITIES[entity] ?? entity,
  );
}

/** @param xml Error, or anything at all: a proxy's page has none of it */
export function errorOf(xml: string): { code?: string; message?: string } {
  const [error] = /<(?:\w+:)?Error[\s>].*/s.exec(xml) ?? [];
  if (error === undefined) return {};
  const code = textOf(error, 'Code');
  const message = textOf(error, 'Message');
  return { ...(code !== undefined && { code }), ...(message !== undefined && { message }) };
}

/** @param xml InitiateMultipartUploadResult */
export function uploadIdOf(xml: string): string {
  const id = textOf(xml, 'UploadId');
  if (id === undefined || id === '') throw new Error('the store gave no upload id');
  return id;
}

/** @param etags of the parts, in order @returns CompleteMultipartUpload */
export function completion(etags: readonly string[]): string {
  const parts = etags.map(
    (etag, index) =>
      `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag.replaceAll('"', '&quot;')}</ETag></Part>`,
  );
  return `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
}

/** @param xml CompleteMultipartUploadResult @returns the object's entity tag, quoted */
export function completedTag(xml: string): string | undefined {
  const tag = textOf(xml, 'ETag');
  return tag === undefined || tag === '' ? undefined : `"${tag.replaceAll('"', '')}"`;
}

/** @param xml ListMultipartUploadsResult @returns ids of the uploads of exactly that key */
export function incompleteUploads(xml: string, key: string): string[] {
  return [...xml.matchAll(/<((?:\w+:)?Upload)>.*?<\/\1>/gs)]
    .filter(([upload]) => textOf(upload, 'Key') === key)
    .map(([upload]) => textOf(upload, 'UploadId') ?? '');
}

/** Whether it is the answer to GetBucketLocation, and not a page of something else that answers there. */
export function isLocation(xml: string): boolean {
  return /<LocationConstraint[\s/>]/.test(xml);
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
