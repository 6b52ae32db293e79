export type { AllowedAddresses } from './allowed-addresses.js';
export { type DownloadToken, DownloadTokens } from './download-tokens.js';
export type { Resume } from './stored-token.js';
export { TokensModule } from './tokens.module.js';
