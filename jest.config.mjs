/** Jest on ESM: swc compiles the specs and the library's sources; built packages run as they are. */
export default {
  testEnvironment: 'node',
  // A busy machine is no failure: what must be fast says so itself.
  testTimeout: 60_000,
  testSequencer: '<rootDir>/scripts/longest.first.mjs',
  // For the runs of the coherence checker, which wait half of the time.
  maxConcurrency: 2,
  roots: ['<rootDir>/libs', '<rootDir>/apps', '<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/fixtures/', '/\\.snippets/'],
  modulePathIgnorePatterns: ['/fixtures/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
      },
    ],
  },
  transformIgnorePatterns: ['/node_modules/', '/dist/'],
};
