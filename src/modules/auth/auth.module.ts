import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { JwtModule } from '@nestjs/jwt';
import { TypeOrmModule } from '@nestjs/typeorm';
import { RateLimitGuard, ThrottleSubject, ThrottlingModule } from '../../common/throttling/index.js';
import { Tenant } from './accounts/tenant.entity.js';
import { User } from './accounts/user.entity.js';
import { UsersRepository } from './accounts/users.repository.js';
import { AuthController } from './auth.controller.js';
import { AuthService } from './auth.service.js';
import { PasswordHasher } from './passwords/password-hasher.js';
import { PrincipalGuard } from './principals/principal.guard.js';
import { PrincipalThrottleSubject } from './principals/principal-throttle-subject.js';
import { PrincipalResolver } from './principals/principal-resolver.js';
import { PermissionGuard } from './principals/require-permission.js';
import { AccessTokens } from './sessions/access-tokens.js';
import { RedisSessionStore } from './sessions/redis-session-store.js';
import { SessionStore } from './sessions/session-store.js';

export const authEntities = [Tenant, User] as const;

@Module({
  imports: [TypeOrmModule.forFeature([...authEntities]), JwtModule.register({}), ThrottlingModule],
  controllers: [AuthController],
  providers: [
    AccessTokens,
    AuthService,
    PasswordHasher,
    PrincipalResolver,
    UsersRepository,
    { provide: SessionStore, useClass: RedisSessionStore },
    { provide: ThrottleSubject, useClass: PrincipalThrottleSubject },
    // The order is the order in which they run: who, how often, whether that caller may.
    { provide: APP_GUARD, useClass: PrincipalGuard },
    { provide: APP_GUARD, useClass: RateLimitGuard },
    { provide: APP_GUARD, useClass: PermissionGuard },
  ],
})
export class AuthModule {}
