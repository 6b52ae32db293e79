import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { HttpConfig } from '../config/config.js';
import { HealthController } from './health.controller.js';
import { ReadinessService } from './readiness.service.js';

@Module({})
export class HealthModule {
  /** @param imports modules that provide `OperatorCheck` and `VolumesHealth` */
  static forRoot(imports: NonNullable<ModuleMetadata['imports']>): DynamicModule {
    return {
      module: HealthModule,
      imports: [
        ...imports,
        // On SIGTERM terminus makes readiness fail first, and waits before the application stops listening.
        TerminusModule.forRootAsync({
          inject: [HttpConfig],
          useFactory: (http: HttpConfig) => ({
            logger: false,
            gracefulShutdownTimeoutMs: http.shutdownDelay * 1_000,
          }),
        }),
      ],
      controllers: [HealthController],
      providers: [ReadinessService],
    };
  }
}
