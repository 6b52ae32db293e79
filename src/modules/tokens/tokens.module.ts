import { Module } from '@nestjs/common';
import { ThrottlingModule } from '../../common/throttling/index.js';
import { AuthModule } from '../auth/index.js';
import { FileMetaModule } from '../file-meta/index.js';
import { DownloadTokens } from './download-tokens.js';
import { FileTokensController } from './file-tokens.controller.js';
import { ListTokens } from './list-tokens.js';
import { MintToken } from './mint-token.js';
import { RedisTokenStore } from './redis-token-store.js';
import { RevokeTokens } from './revoke-tokens.js';
import { TokensController } from './tokens.controller.js';
import { TokensRepository } from './tokens.repository.js';
import { UserTokensController } from './user-tokens.controller.js';

@Module({
  imports: [AuthModule, FileMetaModule, ThrottlingModule],
  controllers: [FileTokensController, TokensController, UserTokensController],
  providers: [DownloadTokens, ListTokens, MintToken, RedisTokenStore, RevokeTokens, TokensRepository],
  exports: [DownloadTokens],
})
export class TokensModule {}
