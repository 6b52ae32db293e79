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

/** @param xml ListBucketResult @returns keys of the objects */
export function listedKeys(xml: string): string[] {
  return [...xml.matchAll(/<((?:\w+:)?Contents)>.*?<\/\1>/gs)].map(([object]) => textOf(object, 'Key') ?? '');
}

/** @param xml ListPartsResult @returns its parts, from index 0 */
export function listedParts(xml: string): { index: number; size: number; tag: string }[] {
  return [...xml.matchAll(/<((?:\w+:)?Part)>.*?<\/\1>/gs)].map(([part]) => ({
    index: Number(textOf(part, 'PartNumber')) - 1,
    size: Number(textOf(part, 'Size')),
    tag: textOf(part, 'ETag') ?? '',
  }));
}

/** @param xml ListPartsResult @returns after which part the next page begins; undefined: there is none */
export function nextPartMarker(xml: string): string | undefined {
  return textOf(xml, 'IsTruncated') === 'true' ? textOf(xml, 'NextPartNumberMarker') : undefined;
}

/** @param xml ListMultipartUploadsResult @returns ids of the uploads of exactly that key */
export function incompleteUploads(xml: string, key: string): string[] {
  return [...xml.matchAll(/<((?:\w+:)?Upload)>.*?<\/\1>/gs)]
    .filter(([upload]) => textOf(upload, 'Key') === key)
    .map(([upload]) => textOf(upload, 'UploadId') ?? '');
}

/** One that is neither completed nor aborted. */
export interface ListedUpload {
  /** Key within the bucket. */
  readonly name: string;
  readonly id: string;
  readonly initiated: Date;
}

/**
 * @param xml ListMultipartUploadsResult
 * @returns `next`: the key behind which the next page begins, if there is one. Others of that very key are left out by it; but
 *   not all stores accept the upload that would tell them apart
 */
export function uploadsPage(xml: string): {
  readonly uploads: readonly ListedUpload[];
  readonly next: string | undefined;
} {
  const uploads = [...xml.matchAll(/<((?:\w+:)?Upload)>.*?<\/\1>/gs)].map(([upload]) => ({
    name: textOf(upload, 'Key') ?? '',
    id: textOf(upload, 'UploadId') ?? '',
    initiated: new Date(textOf(upload, 'Initiated') ?? ''),
  }));
  const key = textOf(xml, 'NextKeyMarker');
  const isCut = textOf(xml, 'IsTruncated') === 'true' && key !== undefined && key !== '';
  return { uploads, next: isCut ? key : undefined };
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
