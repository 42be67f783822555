// Which file may import which (docs/architecture.md, "The house"). Type imports count as imports,
// save where a rule says otherwise.
'use strict';

/** Files that only compute: they get their data, and the time, as parameters. */
const pure = ['^src/[^/]+/core/', '^src/[^/]+/[^/]+/core/'];

/** The rooms of src, from the roof down: each may import those below it and none above it. */
const rooms = [
  'main.ts',
  'server.ts',
  'migrate.ts',
  'doctor.ts',
  'stripe-endpoint.ts',
  'signing-key.ts',
  'run-service.ts',
  'app.ts',
  'background.ts',
  'doctor/',
  'subscriptions/',
  'checkout/',
  'reconciliation/',
  'users/',
  'linking/',
  'mirror/',
  'catalog/',
  'grants/',
  'usage/',
  'projects/',
  'webhook/',
  'outbound/',
  'changes/',
  'reporting/',
  'entitlements/',
  'audit/',
  'ops/',
  'deps.ts',
  'auth/',
  'signing/',
  'http/',
  'platform/',
  'config.ts',
  'environment.ts',
];

/** A pattern that matches exactly these files and everything in these folders. */
const only = (...paths) =>
  `^(?:${paths.map((path) => path.replace(/\./g, '\\.') + (path.endsWith('/') ? '' : '$')).join('|')})`;

const room = (name) => only(`src/${name}`);

const down = rooms.slice(1).map((name, index) => ({
  name: `down-only-from-${name.replace(/\/$|\.ts$/, '')}`,
  severity: 'error',
  comment: `src/${name} may import what stands below it in the list of rooms, and nothing above.`,
  from: { path: room(name) },
  to: { path: rooms.slice(0, index + 1).map(room) },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...down,
    {
      name: 'every-room-has-its-place',
      severity: 'error',
      comment: 'A new file or folder of src gets its place in the list of rooms above.',
      from: {
        path: '^src/',
        pathNot: [...rooms, 'client/', 'dev/', 'sandbox/', 'generated/'].map(room),
      },
      to: {},
    },
    {
      name: 'no-circles',
      severity: 'error',
      comment: 'Two files that need each other are one file, or lack a third.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'core-imports-core',
      severity: 'error',
      comment:
        'Pure code (in folders named core) knows no client and no framework. Types cost nothing and are allowed.',
      from: { path: pure },
      to: {
        pathNot: [...pure, '^(?:node:)?util$', '^node_modules/ipaddr\\.js/'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'nothing-of-src-imports-tests',
      severity: 'error',
      comment: 'What runs for users does not know how it is tested.',
      from: { path: '^src/' },
      to: { path: '^test/' },
    },
    {
      name: 'only-programs-for-developers-start-the-sandbox',
      severity: 'error',
      comment: 'The service never knows that a stand-in for Stripe exists.',
      from: { path: '^src/', pathNot: '^src/(?:dev|sandbox)/' },
      to: { path: '^src/(?:dev|sandbox)/' },
    },
    {
      name: 'the-sandbox-stands-alone',
      severity: 'error',
      comment: 'A stand-in that shares our code would share our mistakes about Stripe.',
      from: { path: '^src/sandbox/' },
      to: { path: '^src/', pathNot: '^src/sandbox/' },
    },
    {
      name: 'the-client-stands-alone',
      severity: 'error',
      comment: 'Apps install it; it knows the service by its OpenAPI document only.',
      from: { path: '^src/client/' },
      to: { path: '^src/', pathNot: '^src/client/' },
    },
    {
      name: 'the-service-does-not-use-its-client',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(?:client|dev)/' },
      to: { path: '^src/client/' },
    },
    {
      name: 'the-service-reaches-nothing-for-developers',
      severity: 'error',
      comment:
        'Neither by a detour: dist/server.js runs without dev dependencies, src/dev and src/sandbox.',
      from: {
        path: only(
          'src/main.ts',
          'src/server.ts',
          'src/migrate.ts',
          'src/doctor.ts',
          'src/stripe-endpoint.ts',
          'src/signing-key.ts',
        ),
      },
      to: { path: '^src/(?:dev|sandbox)/', reachable: true },
    },
    {
      name: 'the-database-client-is-opened-in-one-place',
      severity: 'error',
      comment:
        'platform/database makes the generated client, and hands on what others need of it. Types may be imported.',
      from: {
        path: ['^src/', '^test/'],
        pathNot: ['^src/platform/database\\.ts$', '^src/generated/'],
      },
      to: { path: '^src/generated/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-dev-dependencies-in-the-service',
      severity: 'error',
      comment: 'The image installs without dev dependencies.',
      from: { path: '^src/', pathNot: '^src/(?:client|dev|sandbox)/' },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: '^node_modules/@types/',
      },
    },
    {
      name: 'no-undeclared-packages',
      severity: 'error',
      comment: 'What is imported stands in package.json.',
      from: {},
      to: { dependencyTypes: ['unknown', 'undetermined', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'every-import-resolves',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^src/generated/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
