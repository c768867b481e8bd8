/** One command of a pipeline's answer: its error, or its reply. */
export type PipelineReply = [error: Error | null, reply: unknown];

/**
 * The part of an ioredis client (5.11 or 6) that the library uses, as a structure: no type of
 * ioredis stands in the package's declarations, so that it stays an optional peer.
 */
export interface RedisClient {
  readonly status: string;
  readonly options?: { readonly keyPrefix?: string | undefined };
  connect(): Promise<void>;
  disconnect(): void;
  quit(): Promise<unknown>;
  on(event: 'ready' | 'close' | 'end' | 'error', listener: (error?: Error) => void): unknown;
  off(event: 'ready' | 'close' | 'end' | 'error', listener: (error?: Error) => void): unknown;
  getBuffer(key: string): Promise<Buffer | null>;
  mgetBuffer(keys: string[]): Promise<(Buffer | null)[]>;
  set(key: string, value: Buffer, token: 'PX', milliseconds: number): Promise<unknown>;
  unlink(keys: string[]): Promise<number>;
  callBuffer(command: string, ...args: (string | Buffer | number)[]): Promise<unknown>;
  pipeline(commands: (string | Buffer | number)[][]): { exec(): Promise<PipelineReply[] | null> };
}
