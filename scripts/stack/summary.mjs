/**
 * @param {import('./start-stack.mjs').Stack} stack
 * @returns {string} what a person wants to know about a stack that has just started
 */
export function summaryOf({ env, admin, dataDir, apps, caFile }) {
  const url = (env.PUBLIC_URL ?? '').replace(/\/+$/, '');
  const password = admin.generated
    ? `${admin.password ?? ''}   (generated; kept in ${dataDir}/secrets/admin-password)`
    : admin.password === undefined
      ? '(the account was there before)'
      : '(as ADMIN_PASSWORD says)';
  const lines = {
    'Public URL': url,
    'Swagger UI': `${url}/docs`,
    OpenAPI: `${url}/openapi.json`,
    Health: `${url}/health/ready`,
    ...(caFile === undefined
      ? {}
      : { 'CA certificate': caFile, 'With curl': `curl --cacert '${caFile}' ${url}/health/ready` }),
    'Admin e-mail': admin.email,
    'Admin password': password,
    'Data folder': dataDir,
    ...(apps.length === 1
      ? {}
      : { Replicas: `${String(apps.length)} (they log to ${dataDir}/log/app.log, app-2.log, …)` }),
  };
  const rows = Object.entries(lines).map(([name, value]) => `  ${name.padEnd(15)} ${value}`);
  return `\n${rows.join('\n')}\n\n  Ctrl-C stops everything.\n\n`;
}
