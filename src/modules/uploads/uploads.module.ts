import { Module } from '@nestjs/common';
import { FileMetaModule } from '../file-meta/index.js';
import { StorageModule } from '../storage/index.js';
import { UploadFormService } from './form/upload-form.service.js';
import { AbortUpload } from './sessions/abort-upload.js';
import { CompleteUpload } from './sessions/complete-upload.js';
import { CreateUpload } from './sessions/create-upload.js';
import { FindUpload } from './sessions/find-upload.js';
import { SweepSessions } from './sessions/sweep-sessions.js';
import { UploadLeases } from './sessions/upload-leases.js';
import { UploadSessionsController } from './sessions/upload-sessions.controller.js';
import { UploadSessionsRepository } from './sessions/upload-sessions.repository.js';
import { UploadView } from './sessions/upload-view.js';
import { WriteChunk } from './sessions/write-chunk.js';
import { CompleteDirect } from './direct/complete-direct.js';
import { PartUrls } from './direct/part-urls.js';
import { Completions } from './sessions/completions.js';
import { ReceivedParts } from './sessions/received-parts.js';
import { ChallengesRepository } from './instant/challenges.repository.js';
import { InstantUpload } from './instant/instant-upload.js';
import { ProvePossession } from './instant/prove-possession.js';
import { TypeDetection } from './limits/type-detection.js';
import { BucketBytes } from './tus/bucket-bytes.js';
import { TusOptionsController } from './tus/tus-options.controller.js';
import { TusProgress } from './tus/tus-progress.repository.js';
import { TusResponses } from './tus/tus-responses.js';
import { TusUploads } from './tus/tus-uploads.js';
import { TusController } from './tus/tus.controller.js';
import { WriteBytes } from './tus/write-bytes.js';
import { UploadsController } from './uploads.controller.js';

@Module({
  imports: [FileMetaModule, StorageModule],
  controllers: [UploadsController, UploadSessionsController, TusController, TusOptionsController],
  providers: [
    AbortUpload,
    BucketBytes,
    ChallengesRepository,
    CompleteDirect,
    Completions,
    CompleteUpload,
    PartUrls,
    ReceivedParts,
    CreateUpload,
    FindUpload,
    InstantUpload,
    ProvePossession,
    SweepSessions,
    TusProgress,
    TusResponses,
    TusUploads,
    TypeDetection,
    UploadFormService,
    UploadLeases,
    UploadSessionsRepository,
    UploadView,
    WriteBytes,
    WriteChunk,
  ],
})
export class UploadsModule {}
