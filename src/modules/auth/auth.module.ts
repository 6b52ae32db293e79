import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { JwtModule } from '@nestjs/jwt';
import { TypeOrmModule } from '@nestjs/typeorm';
import { OperatorCheck } from '../../common/health/index.js';
import { RateLimitGuard, ThrottleSubject, ThrottlingModule } from '../../common/throttling/index.js';
import { CurrentLimits } from './accounts/current-limits.js';
import { LimitedUsers } from './accounts/limited-users.js';
import { ManagedUsers } from './accounts/managed-users.js';
import { StorageUsage } from './accounts/storage-usage.js';
import { Tenant } from './accounts/tenant.entity.js';
import { TenantsController } from './accounts/tenants.controller.js';
import { TenantsService } from './accounts/tenants.service.js';
import { Turns } from './accounts/turns.js';
import { User } from './accounts/user.entity.js';
import { UserTokens } from './accounts/user-tokens.js';
import { UsersController } from './accounts/users.controller.js';
import { UsersRepository } from './accounts/users.repository.js';
import { UsersService } from './accounts/users.service.js';
import { ApiKeyPrincipals } from './api-keys/api-key-principals.js';
import { ApiKeysController } from './api-keys/api-keys.controller.js';
import { ApiKeysRepository } from './api-keys/api-keys.repository.js';
import { ApiKeysService } from './api-keys/api-keys.service.js';
import { AuditController } from './audit/audit.controller.js';
import { AuditService } from './audit/audit.service.js';
import { AuditTrail } from './audit/audit-trail.js';
import { CountedAudit } from './audit/counted-audit.js';
import { WatchRefusals } from './audit/watch-refusals.js';
import { LoginController } from './login/login.controller.js';
import { LoginService } from './login/login.service.js';
import { PasswordsService } from './login/passwords.service.js';
import { RedisLoginFailures } from './login/redis-login-failures.js';
import { IdentitiesRepository } from './oidc/identities.repository.js';
import { OidcPrincipals } from './oidc/oidc-principals.js';
import { OidcTokens } from './oidc/oidc-tokens.js';
import { OidcUsers } from './oidc/oidc-users.js';
import { PasswordHasher } from './passwords/password-hasher.js';
import { PrincipalGuard } from './principals/principal.guard.js';
import { PrincipalOperatorCheck } from './principals/principal-operator-check.js';
import { PrincipalThrottleSubject } from './principals/principal-throttle-subject.js';
import { PrincipalResolver } from './principals/principal-resolver.js';
import { PermissionGuard } from './principals/require-permission.js';
import { AccessTokens } from './sessions/access-tokens.js';
import { RedisSessionStore } from './sessions/redis-session-store.js';
import { RefreshTokens } from './sessions/refresh-tokens.js';
import { SessionPrincipals } from './sessions/session-principals.js';
import { SessionStore } from './sessions/session-store.js';
import { SessionsController } from './sessions/sessions.controller.js';
import { SessionsService } from './sessions/sessions.service.js';
import { SigningKeys } from './sessions/signing-keys.js';

export const authEntities = [Tenant, User] as const;

const sessions = [
  AccessTokens,
  RefreshTokens,
  SessionPrincipals,
  SessionsService,
  SigningKeys,
  { provide: SessionStore, useClass: RedisSessionStore },
];
const login = [LoginService, PasswordHasher, PasswordsService, RedisLoginFailures];
const accounts = [
  CurrentLimits,
  LimitedUsers,
  ManagedUsers,
  StorageUsage,
  TenantsService,
  Turns,
  UsersRepository,
  UsersService,
  UserTokens,
];
const apiKeys = [ApiKeyPrincipals, ApiKeysRepository, ApiKeysService];
const oidc = [IdentitiesRepository, OidcPrincipals, OidcTokens, OidcUsers];
const audit = [AuditService, AuditTrail, CountedAudit, WatchRefusals];
const guards = [
  PrincipalResolver,
  { provide: ThrottleSubject, useClass: PrincipalThrottleSubject },
  { provide: OperatorCheck, useClass: PrincipalOperatorCheck },
  // The order is the order in which they run: who, how often, whether that caller may.
  { provide: APP_GUARD, useClass: PrincipalGuard },
  { provide: APP_GUARD, useClass: RateLimitGuard },
  { provide: APP_GUARD, useClass: PermissionGuard },
];

@Module({
  imports: [TypeOrmModule.forFeature([...authEntities]), JwtModule.register({}), ThrottlingModule],
  controllers: [
    LoginController,
    SessionsController,
    ApiKeysController,
    UsersController,
    TenantsController,
    AuditController,
  ],
  providers: [...sessions, ...login, ...accounts, ...apiKeys, ...oidc, ...audit, ...guards],
  exports: [
    AuditTrail,
    CountedAudit,
    CurrentLimits,
    LimitedUsers,
    OperatorCheck,
    PrincipalResolver,
    UserTokens,
  ],
})
export class AuthModule {}
