import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

const DESCRIPTION = `Decides who may download what, and lets nginx or object storage move the bytes.

Log in with \`POST /api/v1/auth/login\`, press **Authorize** and paste the \`accessToken\`; programs use an API key.
Errors are problem documents (RFC 9457); \`code\` is stable and \`requestId\` names the request in the logs.`;

/** The document is the same wherever it is made: nothing of the installation goes into it. */
export function openApiDocument(app: INestApplication, version: string): OpenAPIObject {
  const document = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('download-service')
    .setDescription(DESCRIPTION)
    .setVersion(version)
    .addServer('/')
    .addBearerAuth(
      {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: "An access token of `POST /api/v1/auth/login`, or of a company's identity provider",
      },
      'jwt',
    )
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key' }, 'apiKey')
    .addTag('downloads', 'The bytes of a file')
    .addTag('files', 'Files and what is known about them')
    .addTag('uploads', 'Files that come in parts')
    .addTag('tus', 'The same by the protocol of tus.io')
    .addTag('tokens', 'Download links for people without an account')
    .addTag('auth', 'Logging in, sessions and API keys')
    .addTag('users', 'The people of a tenant')
    .addTag('tenants', 'The companies of the installation')
    .addTag('audit', 'What happened')
    .addTag('health', 'Probes')
    .build();
  return SwaggerModule.createDocument(app, document, {
    operationIdFactory: (_controller, method) => method,
  });
}

/** Swagger UI at /docs and the document at /openapi.json. */
export function serveOpenApi(app: INestApplication, document: OpenAPIObject): void {
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'download-service API',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true, tryItOutEnabled: true },
  });
}
