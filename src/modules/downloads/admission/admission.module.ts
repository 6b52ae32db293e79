import { Module } from '@nestjs/common';
import { Admission } from './admission.js';
import { PatientAdmission } from './patient-admission.js';
import { RedisAdmission } from './redis-admission.js';

@Module({
  providers: [{ provide: Admission, useClass: RedisAdmission }, PatientAdmission],
  exports: [Admission, PatientAdmission],
})
export class AdmissionModule {}
