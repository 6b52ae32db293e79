import { Module } from '@nestjs/common';
import { Admission } from './admission.js';
import { RedisAdmission } from './redis-admission.js';

@Module({
  providers: [{ provide: Admission, useClass: RedisAdmission }],
  exports: [Admission],
})
export class AdmissionModule {}
