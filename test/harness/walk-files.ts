import { expect } from 'vitest';
import type { Api, FileJson } from './api.js';

/** All files of a list, page by page. @param query of each page */
export async function walkFiles(api: Api, query: string): Promise<FileJson[]> {
  const all: FileJson[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const answer = await api.send(`/api/v1/files?${query}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    expect(answer.status, answer.text).toBe(200);
    const page = answer.json as { items: FileJson[]; nextCursor: string | null };
    all.push(...page.items);
    cursor = page.nextCursor;
  }
  return all;
}
