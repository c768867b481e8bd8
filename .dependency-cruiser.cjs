/**
 * The import rules of ARCHITECTURE.md. `test/architecture/import.rules.spec.ts` breaks each of them once.
 *
 * Types count as imports: two files that need each other's types are one idea in two places.
 */
const LIBRARY = '^libs/elasticache/src/';
const SPEC = String.raw`\.spec\.ts$`;

/** From the ground up: a room may import only rooms before it. */
const ROOMS = [
  ['tokens', String.raw`elasticache\.tokens\.ts$`],
  ...'errors time events key identity entry codec resilience connection store memory coherence cache invocation decorators http'
    .split(' ')
    .map((room) => [room, `${room}/`]),
  ['root', String.raw`elasticache\.(?!tokens)[^/]+\.ts$`],
  ['index', String.raw`index\.ts$`],
];

/** Each with optional peers of its own, so nothing may bring one along. */
const ENTRYPOINTS = '(aws|memcached|prometheus|otel|terminus|admin|testing)/';

/** Who may import a package: the places in the library, as a pattern. */
const PACKAGES = [
  ['ioredis', 'ioredis/', 'connection/'],
  ['nest', '@nestjs/', String.raw`(invocation/|decorators/|http/|elasticache\.|${ENTRYPOINTS})`],
  ['msgpackr', 'msgpackr/', 'codec/'],
  ['lru-cache', 'lru-cache/', '(key|store|memory|cache)/'],
  ['cluster-key-slot', 'cluster-key-slot/', 'store/'],
  ['ms', '(@types/)?ms/', 'time/'],
  ['etag', '(@types/)?etag/', 'http/'],
  ['fresh', '(@types/)?fresh/', 'http/'],
  ['class-transformer', 'class-transformer/', '(invocation|cache)/'],
];

const sources = (path) => ({ path, pathNot: SPEC });

const roomOrder = ROOMS.slice(0, -1).map(([room, path], position) => ({
  name: `room-${room}`,
  comment: `${room} may import only what comes before it in the list of rooms`,
  severity: 'error',
  from: sources(LIBRARY + path),
  to: {
    path: `${LIBRARY}(${ROOMS.slice(position + 1)
      .map(([, later]) => later)
      .join('|')})`,
  },
}));

const packages = PACKAGES.map(([name, path, places]) => ({
  name: `${name}-has-its-room`,
  comment: `within the library, only ${places} reaches ${name}`,
  severity: 'error',
  from: { path: LIBRARY, pathNot: [SPEC, LIBRARY + places] },
  to: { path: `(^|/)node_modules/${path}` },
}));

module.exports = {
  forbidden: [
    ...roomOrder,
    ...packages,
    {
      name: 'ground-imports-nothing',
      comment: 'tokens and errors are what everything else stands on',
      severity: 'error',
      from: sources(`${LIBRARY}(elasticache\\.tokens\\.ts$|errors/)`),
      // The room order covers what stands on them.
      to: { pathNot: `${LIBRARY}(?!elasticache\\.tokens)` },
    },
    {
      name: 'cache-without-connection',
      comment: 'the cache decides, the store remembers: only the store knows of sockets',
      severity: 'error',
      from: sources(`${LIBRARY}cache/`),
      to: { path: `${LIBRARY}connection/` },
    },
    {
      name: 'entrypoint-is-a-leaf',
      comment: 'an entrypoint brings optional peers; nothing but itself may import it',
      severity: 'error',
      from: { path: `${LIBRARY}([^/]+)`, pathNot: SPEC },
      to: { path: LIBRARY + ENTRYPOINTS, pathNot: `${LIBRARY}$1/` },
    },
    {
      name: 'package-by-its-name',
      comment: 'applications, benchmarks and outer tests use the package as its users do',
      severity: 'error',
      from: { path: '^(apps|bench|scripts|test/(e2e|integration|packaging))/' },
      to: { path: '^libs/[^/]+/src/' },
    },
    {
      name: 'library-not-by-its-name',
      comment: 'inside, import the file: the name leads to the last build',
      severity: 'error',
      from: { path: LIBRARY },
      to: { path: '(^|/)libs/[^/]+/dist/|^nestjs-elasticache' },
    },
    {
      name: 'no-spec-from-source',
      comment: 'what is shipped does not depend on what tests it',
      severity: 'error',
      from: { path: '^(libs|apps)/[^/]+/src/', pathNot: SPEC },
      to: { path: `^test/|${SPEC}` },
    },
    {
      name: 'no-cycle',
      comment: 'two modules that import each other have no order to be loaded in',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      comment: 'what cannot be found cannot be checked (the package itself only once it is built)',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^nestjs-elasticache' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: ['/fixtures/', '^test/docs/\\.snippets'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
    },
  },
};
