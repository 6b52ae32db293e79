/** Who may import whom: DESIGN §2. @type {import('dependency-cruiser').IConfiguration} */
const MAY_IMPORT = {
  auth: [],
  storage: [],
  'file-meta': ['auth', 'storage'],
  tokens: ['auth', 'file-meta'],
  stats: ['auth', 'file-meta'],
  tasks: ['auth', 'file-meta', 'storage'],
  uploads: ['auth', 'file-meta', 'storage'],
  downloads: ['auth', 'storage', 'file-meta', 'tokens', 'stats', 'tasks', 'uploads'],
};

const adapterOnly = (name, folder) => ({
  name: `only-adapters-import-${name}`,
  comment: `${name} is imported only in its adapters (STYLE 12)`,
  severity: 'error',
  from: { path: '^src', pathNot: folder },
  to: { path: `^node_modules/${name}/` },
});

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'common-knows-no-module',
      severity: 'error',
      from: { path: '^src/common' },
      to: { path: '^src/(?!common/)' },
    },
    {
      name: 'modules-import-each-other-through-index',
      severity: 'error',
      from: { path: '^src/modules/([^/]+)/' },
      to: { path: '^src/modules/([^/]+)/', pathNot: ['^src/modules/$1/', '^src/modules/[^/]+/index\\.ts$'] },
    },
    {
      name: 'the-rest-imports-modules-through-index',
      severity: 'error',
      from: { path: '^(src/[^/]+\\.ts|ormconfig\\.ts)$' },
      to: { path: '^src/modules/', pathNot: '^src/modules/[^/]+/index\\.ts$' },
    },
    ...Object.entries(MAY_IMPORT).map(([module, allowed]) => ({
      name: `${module}-imports-only-what-it-may`,
      severity: 'error',
      from: { path: `^src/modules/${module}/` },
      to: { path: '^src/modules/', pathNot: `^src/modules/(${[module, ...allowed].join('|')})/` },
    })),
    {
      name: 'modules-know-no-composition',
      severity: 'error',
      from: { path: '^src/modules/' },
      to: { path: '^src/([^/]+\\.ts$|migrations/)' },
    },
    {
      name: 'cli-stands-alone',
      comment:
        'The command-line client knows the API and nothing else: it runs without the packages of the service, and nothing needs it',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { pathNot: '^src/cli/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'nothing-needs-the-cli',
      severity: 'error',
      from: { pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    adapterOnly('ioredis', '^src/(common/redis/|.*/redis-[^/]+\\.ts$)'),
    adapterOnly('jose', '^src/modules/auth/oidc/jose-[^/]+\\.ts$'),
    adapterOnly('minio', '^src/modules/storage/drivers/'),
    {
      name: 'no-dev-dependencies',
      severity: 'error',
      from: { path: '^(src|ormconfig)' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], pathNot: '^node_modules/@types/' },
    },
    { name: 'unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, pathNot: ['\\.d\\.ts$', 'argon2-worker\\.ts$'] },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
