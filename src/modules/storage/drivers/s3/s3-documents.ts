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
