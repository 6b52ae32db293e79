import type { Service } from './service.js';

/** What a link allows; what is not said is the service's to choose. */
export interface LinkTerms {
  /** Seconds. */
  readonly expiresIn?: number | undefined;
  readonly maxDownloads?: number | undefined;
  /** Addresses and networks (CIDR). */
  readonly allowedIps?: readonly string[] | undefined;
}

/** Mints a download token. @returns the URL that is given away */
export async function linkTo(service: Service, fileId: string, terms: LinkTerms): Promise<string> {
  const { url } = await service.json<{ url: string }>(`/api/v1/files/${fileId}/tokens`, {
    method: 'POST',
    repeatable: false,
    json: terms,
  });
  return url;
}
