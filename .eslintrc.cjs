// ESLint 10 has no eslintrc format. This file keeps the name, its content is a flat config, and
// it is loaded by `eslint --config .eslintrc.cjs` (npm run lint; .vscode/settings.json for editors).
'use strict';

const { defineConfig } = require('eslint/config');
const tseslint = require('typescript-eslint');

const environmentRule = {
  object: 'process',
  property: 'env',
  message: 'Read the environment in src/config.ts only, and pass what it says.',
};

module.exports = defineConfig(
  {
    ignores: [
      'node_modules/',
      'dist/',
      'dist-client/',
      'src/generated/',
      'src/client/wire.ts',
      '.latchkey/',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: __dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      'no-restricted-properties': ['error', environmentRule],
      'no-console': 'error',
      eqeqeq: 'error',
      // To leave a field out of a copy is a use of it.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
    },
  },
  {
    // Where the environment may be read: the one schema, and the programs' entry files.
    files: [
      'src/config.ts',
      'src/main.ts',
      'src/server.ts',
      'src/*/main.ts',
      'src/dev/**/*.ts',
      'src/client/bin.ts',
      'src/migrate.ts',
      'src/doctor.ts',
      'src/stripe-endpoint.ts',
      'test/**/*.ts',
      '*.ts',
    ],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    // Programs that print for a person.
    files: [
      'src/dev/**/*.ts',
      'src/client/bin.ts',
      'src/sandbox/main.ts',
      'src/migrate.ts',
      'src/stripe-endpoint.ts',
      'test/{bench,evidence,faults,image,migrations,neighbours,usage-faults}/**/*.ts',
    ],
    rules: { 'no-console': 'off' },
  },
  {
    // Pure code; .dependency-cruiser.cjs checks what it imports.
    files: ['src/**/core/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['process', 'fetch', 'setTimeout', 'setInterval', 'performance'].map((name) => ({
          name,
          message: 'Pure files do no input, output or timing.',
        })),
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']",
          message: 'Pure files take the clock as a parameter.',
        },
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'Pure files take the clock as a parameter.',
        },
        {
          selector: "CallExpression[callee.object.name='Math'][callee.property.name='random']",
          message: 'Pure files are deterministic.',
        },
      ],
    },
  },
);
