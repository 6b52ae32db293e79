/** An entity tag (RFC 9110 §8.8.3). `opaque` is without its quotes. */
interface EntityTag {
  readonly weak: boolean;
  readonly opaque: string;
}

/** etagc = %x21 / %x23-7E / obs-text */
const TAG = /(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/y;

/** Reads `If-Match` and `If-None-Match`. A malformed list yields the tags before the fault. */
function parseTagList(header: string): '*' | readonly EntityTag[] {
  if (header.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  let at = 0;
  for (;;) {
    while (at < header.length && /[\s,]/.test(header.charAt(at))) at += 1;
    TAG.lastIndex = at;
    const match = TAG.exec(header);
    if (match === null) return tags;
    tags.push({ weak: match[1] !== undefined, opaque: match[2] ?? '' });
    at = TAG.lastIndex;
  }
}

/** RFC 9110 §8.8.3.2: equal and neither is weak. Ours never is. */
function strongMatch(ours: string, theirs: EntityTag): boolean {
  return !theirs.weak && `"${theirs.opaque}"` === ours;
}

/** RFC 9110 §8.8.3.2: equal, weak or not. */
function weakMatch(ours: string, theirs: EntityTag): boolean {
  return `"${theirs.opaque}"` === ours;
}

/** Whether a header of tags, or `*`, names `ours`: strongly for `If-Match`, weakly for `If-None-Match`. */
export function matchesTag(header: string, ours: string, comparison: 'strong' | 'weak' = 'strong'): boolean {
  const tags = parseTagList(header);
  const matches = comparison === 'strong' ? strongMatch : weakMatch;
  return tags === '*' || tags.some((tag) => matches(ours, tag));
}
