/** How a cache of ElastiCache is laid out, and so how it is talked to. */
export type Topology = 'single' | 'replication-group' | 'cluster' | 'serverless';

/** A name and a port of ElastiCache's. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** The port of node-based caches, and of serverless ones for reading and writing. */
const PORT = 6379;

/** Of serverless caches, for reading alone. */
const READER_PORT = 6380;

const DOMAIN = '\\.cache\\.amazonaws\\.com(\\.cn)?$';

/** By the labels of the name. (Developer guide, "Finding connection endpoints") */
const SHAPES: readonly (readonly [RegExp, Topology])[] = [
  [new RegExp(`\\.serverless\\.[^.]+${DOMAIN}`), 'serverless'],
  [new RegExp(`(\\.|^)clustercfg\\..*${DOMAIN}`), 'cluster'],
  [new RegExp(`(\\.ng\\.\\d{4}\\.|^master\\.).*${DOMAIN}`), 'replication-group'],
  [new RegExp(`\\.\\d{4}\\.[^.]+${DOMAIN}`), 'single'],
];

/** Of replicas. */
const READER = new RegExp(`(^replica\\.|-ro\\.).*${DOMAIN}`);

/** An endpoint as AWS shows it: a name, with or without the port. Undefined where it is none. */
export function parsedEndpoint(text: unknown): Endpoint | undefined {
  const match = /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:(\d{1,5}))?$/i.exec(String(text));
  const port = Number(match?.[4] ?? PORT);
  if (match === null || port === 0 || port > 65_535) return undefined;
  return { host: match[1]!.toLowerCase(), port };
}

/** What the shape of the name says; undefined where it is no name of AWS's, or says nothing. */
export function topologyOf(endpoint: Endpoint | undefined): Topology | undefined {
  return endpoint && SHAPES.find(([shape]) => shape.test(endpoint.host))?.[1];
}

/** What is wrong with the endpoint that replicas are to be read from. */
export function readerFault(reader: Endpoint, topology: Topology): string | undefined {
  if (topology === 'cluster' || topology === 'serverless') {
    return `is of no use with topology '${topology}', whose replicas are found: leave it out`;
  }
  const shape = topologyOf(reader);
  if (isReader(reader.host) || shape === undefined || shape === 'single') return undefined;
  return `has the shape of a ${shape} endpoint: give the reader endpoint`;
}

function isReader(host: string): boolean {
  return READER.test(host);
}

/** What is wrong with an endpoint for a topology, before anything is connected. */
export function endpointFault({ host, port }: Endpoint, topology: Topology): string | undefined {
  if (isReader(host)) {
    return 'is a reader endpoint, which takes no writes: give the primary endpoint';
  }
  const shape = topologyOf({ host, port });
  if (topology === 'serverless' && port === READER_PORT) {
    return `has the port ${READER_PORT}, which takes no writes: give ${PORT}`;
  }
  if (shape === undefined || shape === topology) return undefined;
  const pair = new Set([shape, topology]);
  if (pair.has('single') && pair.has('replication-group')) return undefined; // the same to a client
  return `has the shape of a ${shape} endpoint, and topology says '${topology}'`;
}
