export const RESUMES = ['any', 'cookie'] as const;

/**
 * How a client proves that it is the one that began a download: `any`: by its cookie or, without one, by its address and User-Agent;
 * `cookie`: by its cookie alone (RULES 4.5).
 */
export type Resume = (typeof RESUMES)[number];

/** What a token allows. */
export interface TokenTerms {
  /** Downloads that it pays for; null: as many as come. */
  readonly maxDownloads: number | null;
  /** Downloads at once. */
  readonly maxConcurrent: number;
  /** As `normaliseBlock` gives them; empty: from anywhere. */
  readonly allowedIps: readonly string[];
  readonly resume: Resume;
  /** What the client is told to call the file; null: as it is called. */
  readonly filename: string | null;
}

/** Under what a token was minted: it is void when one of them is another now. */
export interface TokenOrigin {
  readonly fileId: string;
  readonly fileUid: string;
  readonly fileEpoch: number;
  readonly tenantId: string;
  readonly minterId: string;
  readonly minterUid: string;
  readonly minterEpoch: number;
  /** The API key by which it was minted; null: a person did. */
  readonly keyId: string | null;
}

/** A token as Redis keeps it. */
export interface StoredToken extends TokenTerms, TokenOrigin {
  readonly id: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** Downloads that it has paid for. */
  readonly used: number;
}
