/** Of a cluster: `refresh`, it has asked anew which node has which slots; `node error`, one of its nodes has failed. */
export type ClientEvent = 'ready' | 'close' | 'end' | 'error' | 'refresh' | 'node error';

type Argument = string | Buffer | number;

/**
 * The part of an ioredis client or cluster (5.11 or 6) that the library uses, as a structure: no
 * type of ioredis stands in the package's declarations, so that it stays an optional peer.
 */
export interface RedisClient {
  readonly status: string;
  readonly isCluster?: boolean;
  readonly options?: {
    readonly keyPrefix?: string | undefined;
    /** Of a single node. */
    readonly host?: string | undefined;
    readonly port?: number | undefined;
    /** Of a cluster. */
    readonly scaleReads?: unknown;
    readonly redisOptions?: { readonly keyPrefix?: string | undefined } | undefined;
  };
  connect(): Promise<void>;
  /** Of a cluster: its start-up nodes, then its options. */
  duplicate(...overrides: unknown[]): RedisClient;
  disconnect(reconnect?: boolean): void;
  quit(): Promise<unknown>;
  on(event: ClientEvent, listener: (error?: Error) => void): unknown;
  emit(event: 'error', error: Error): unknown;
  off(event: ClientEvent, listener: (error?: Error) => void): unknown;
  getBuffer(key: string): Promise<Buffer | null>;
  mgetBuffer(keys: string[]): Promise<(Buffer | null)[]>;
  unlink(keys: string[]): Promise<number>;
  callBuffer(command: string, ...args: (Argument | Argument[])[]): Promise<unknown>;
  /** Of a cluster. */
  nodes?(role: 'master' | 'slave' | 'all'): RedisClient[];
  /** Of a cluster: the places of each slot's nodes, its primary's first. */
  readonly slots?: readonly (readonly string[] | undefined)[];
}

/** The primaries by their places; that of the only one is `''`. */
export function primariesByPlace(client: RedisClient): ReadonlyMap<string, RedisClient> {
  if (!client.isCluster) return new Map([['', client]]);
  const places = primariesOf(client).map((node) => {
    const { host, port } = node.options ?? {};
    return [`${host}:${port}`, node] as const;
  });
  return new Map(places);
}

/** The node of a single-node client, or every primary of a cluster. */
export function primariesOf(client: RedisClient): readonly RedisClient[] {
  return client.isCluster && client.nodes ? client.nodes('master') : [client];
}
