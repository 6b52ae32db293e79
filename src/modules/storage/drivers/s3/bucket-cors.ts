/** How our rule is found again among others. */
const ID = 'download-service';

/**
 * Pages of these origins may send parts and read objects (S3 API, PutBucketCors; RULES 8.3). Other rules are kept.
 * @param xml CORSConfiguration, or nothing
 * @param origins at least one
 * @returns the document that is to be there; undefined when it is
 */
export function withCorsRule(xml: string | undefined, origins: readonly string[]): string | undefined {
  const allowed = origins.map((origin) => `<AllowedOrigin>${escape(origin)}</AllowedOrigin>`).join('');
  const methods = ['GET', 'HEAD', 'PUT'].map((method) => `<AllowedMethod>${method}</AllowedMethod>`).join('');
  const rule =
    `<CORSRule><ID>${ID}</ID>${allowed}${methods}<AllowedHeader>*</AllowedHeader>` +
    '<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3600</MaxAgeSeconds></CORSRule>';
  const rules = [...(xml ?? '').matchAll(/<((?:\w+:)?CORSRule)[\s>].*?<\/\1>/gs)].map(([found]) => found);
  const own = rules.filter((found) => /<(?:\w+:)?ID>download-service<\//.test(found));
  if (own.length === 1 && own.every((found) => sameTexts(found, rule))) return undefined;
  const others = rules.filter((found) => !own.includes(found));
  return `<CORSConfiguration>${[...others, rule].join('')}</CORSConfiguration>`;
}

/** Stores give a rule back with its members in another order. */
function sameTexts(one: string, other: string): boolean {
  const [first, second] = [one, other].map((xml) =>
    [...xml.matchAll(/<(?:\w+:)?(\w+)>([^<]+)</g)]
      .map(([, name, text]) => `${name ?? ''} ${text ?? ''}`)
      .sort()
      .join('\n'),
  );
  return first === second;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
