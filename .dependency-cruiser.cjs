// Which file may import which (docs/architecture.md, "The house"). Type imports count as imports,
// save where a rule says otherwise.
'use strict';

const { existsSync } = require('node:fs');
const path = require('node:path');

/** The rooms of src, from the roof down: each may import those below it and none above it. */
const rooms = [
  'main.ts',
  'server.ts',
  'migrate.ts',
  'doctor.ts',
  'stripe-endpoint.ts',
  'app.ts',
  'background.ts',
  'doctor/',
  'checkout/',
  'reconciliation/',
  'users/',
  'mirror/',
  'catalog/',
  'grants/',
  'projects/',
  'webhook/',
  'entitlements/',
  'reporting/',
  'audit/',
  'ops/',
  'deps.ts',
  'http/',
  'platform/',
  'config.ts',
];

/** Files that only compute: they get their data, and the time, as parameters. */
const pureFiles = [
  'src/entitlements/answer.ts',
  'src/entitlements/compute.ts',
  'src/entitlements/decision.ts',
  'src/entitlements/explain.ts',
  'src/entitlements/disputed.ts',
  'src/entitlements/facts.ts',
  'src/entitlements/first-of.ts',
  'src/entitlements/intervals.ts',
  'src/entitlements/merge.ts',
  'src/entitlements/order.ts',
  'src/entitlements/purchase-queue.ts',
  'src/entitlements/purchases.ts',
  'src/entitlements/running-merge.ts',
  'src/entitlements/segment-sources.ts',
  'src/entitlements/set-aside.ts',
  'src/entitlements/source-cap.ts',
  'src/entitlements/stretches.ts',
  'src/entitlements/subscriptions.ts',
  'src/entitlements/sweep.ts',
  'src/entitlements/windows.ts',
  'src/mirror/claims.ts',
  'src/mirror/from-stripe.ts',
  'src/mirror/linkable.ts',
  'src/reporting/accept.ts',
  'src/reporting/csv.ts',
  'src/reporting/currency.ts',
  'src/reporting/figures.ts',
  'src/reporting/movement.ts',
  'src/reporting/rational.ts',
  'src/reporting/recurring.ts',
  'src/reconciliation/diff.ts',
  'src/reconciliation/finding.ts',
  'src/reconciliation/effect.ts',
  'src/catalog/from-stripe.ts',
  'src/checkout/paying-customer.ts',
  'src/checkout/redirects.ts',
];

/** A pattern that matches exactly these files and everything in these folders. */
const only = (...paths) =>
  `^(?:${paths.map((path) => path.replace(/\./g, '\\.') + (path.endsWith('/') ? '' : '$')).join('|')})`;

const room = (name) => only(`src/${name}`);

/** A rule about a file that was renamed would hold for nothing, in silence. */
for (const file of pureFiles) {
  if (!existsSync(path.join(__dirname, file))) {
    throw new Error(`.dependency-cruiser.cjs names ${file}, which does not exist.`);
  }
}

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
      from: { path: '^src/', pathNot: [...rooms, 'dev/', 'sandbox/', 'generated/'].map(room) },
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
      name: 'pure-files-import-pure-files',
      severity: 'error',
      comment: 'A pure file knows no client and no framework. Types cost nothing and are allowed.',
      from: { path: only(...pureFiles) },
      to: {
        pathNot: [only(...pureFiles), '^(?:node:)?util$'],
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
      from: { path: '^src/', pathNot: '^src/(?:dev|sandbox)/' },
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
