import { availableParallelism } from 'node:os';
import { pathsToModuleNameMapper } from 'ts-jest';
import ts from 'typescript';

const { paths } = ts.readConfigFile(`${import.meta.dirname}/tsconfig.json`, (file) => ts.sys.readFile(file))
  .config.compilerOptions;

const shared = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  // 'ts' first: a stale .js beside a source must never be what the tests run.
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  modulePathIgnorePatterns: [
    '<rootDir>/dist/',
    '<rootDir>/libs/[^/]+/dist/',
    '<rootDir>/bench/node_modules/',
  ],
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: '<rootDir>/tsconfig.json' }] },
  moduleNameMapper: pathsToModuleNameMapper(paths, { prefix: '<rootDir>/', useESM: true }),
  setupFiles: ['<rootDir>/test/jest.setup.ts'],
};

/** Of the projects that use brokers: they are started once for all of them, and only when one of them runs. */
const brokers = {
  globalSetup: '<rootDir>/test/brokers/run.setup.ts',
  globalTeardown: '<rootDir>/test/brokers/run.teardown.ts',
};

const project = (displayName, roots, testRegex, more = {}) => ({
  ...shared,
  ...more,
  displayName,
  roots: roots.map((root) => `<rootDir>/${root}`),
  testRegex,
});

export default {
  reporters: ['default', '<rootDir>/test/tally.reporter.js'],
  globalSetup: '<rootDir>/test/jest.global-setup.ts',
  // Two on two cores: most of the time of a test with a broker is waiting.
  maxWorkers: Math.max(2, availableParallelism() - 1),
  workerIdleMemoryLimit: '512MB',
  coverageProvider: 'v8',
  collectCoverageFrom: ['libs/*/src/**/*.ts', '!**/*.spec.ts', '!**/*.fixture.ts'],
  projects: [
    project('unit', ['libs', 'apps', 'scripts', 'bench'], '\\.spec\\.ts$'),
    project('architecture', ['test'], '/test/architecture/.*\\.spec\\.ts$'),
    project('laws', ['test'], '\\.law-spec\\.ts$', brokers),
    project('brokers', ['test'], '\\.broker-spec\\.ts$', brokers),
    project('e2e', ['test'], '\\.e2e-spec\\.ts$'),
    project('recipes', ['test'], '\\.recipe-spec\\.ts$'),
    project('scenario', ['test'], '\\.scenario-spec\\.ts$', brokers),
  ],
};
