/** The path of a request target, without the query: that may hold a token and never goes to a log. */
export function pathOf(target: string): string {
  const end = target.search(/[?#]/);
  return end === -1 ? target : target.slice(0, end);
}
