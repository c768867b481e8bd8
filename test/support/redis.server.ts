/** A real redis-server (or valkey-server) of one's own, on a free loopback port, keeping nothing on disk. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { launch, type LaunchOptions, type ServerProcess } from './redis.process.js';

export interface RedisServer {
  readonly url: string;
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Another after each {@link restart}. */
  readonly pid: number;
  /** Sends a command through a client of the server's own, for looking into it. */
  command(...args: (string | Buffer)[]): Promise<unknown>;
  /** The keys that match the glob, sorted. */
  keys(pattern?: string): Promise<string[]>;
  /** Stops the process where it stands: its sockets stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** As a crash: no goodbye on any socket. Resolves once the process is gone. */
  kill(): Promise<void>;
  /** On the same port, also where it was killed: empty, or with what it was told to SAVE. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const ATTEMPTS = 5;
const PROBE_EVERY_MS = 20;
const PROBES = 1000;

interface StartOptions {
  /** redis-server's own: `--requirepass`, … */
  readonly args?: string[];
  /** With an empty configuration file of its own. */
  readonly hasFile?: boolean;
}

/** Starts a server and waits until it answers. */
export async function startRedis({ args = [], hasFile }: StartOptions = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'elasticache-redis-'));
  const file = hasFile ? join(directory, 'server.conf') : undefined;
  if (file !== undefined) await writeFile(file, '');
  for (let attempt = 1; ; attempt++) {
    const server = new LocalRedis(await freePort(), { directory, args, ...(file && { file }) });
    try {
      await server.start();
      return server;
    } catch (error) {
      const clash = error instanceof ServerExited && /address already in use/i.test(error.message);
      if (clash && attempt < ATTEMPTS) continue;
      await server.stop();
      throw error;
    }
  }
}

/** A port nobody listens on: free when asked, so whoever binds it must be ready to lose the race. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

class ServerExited extends Error {}

class LocalRedis implements RedisServer {
  readonly host = '127.0.0.1';
  private process: ServerProcess | undefined;
  private client: Redis | undefined;

  constructor(
    readonly port: number,
    private readonly settings: Omit<LaunchOptions, 'port'>,
  ) {}

  get url(): string {
    return `redis://${this.host}:${this.port}`;
  }

  get pid(): number {
    return this.live().process.pid;
  }

  async start(): Promise<void> {
    const server = await launch({ port: this.port, ...this.settings });
    this.process = server;
    this.client = this.connect();
    const exit = server.exited.then((output) => {
      throw new ServerExited(`the Redis server on port ${this.port} exited:\n${output}`);
    });
    // Only a start that is still waiting cares; a later exit is the test's own doing.
    exit.catch(() => {});
    await Promise.race([this.client.ping(), exit]);
  }

  async command(...[name = '', ...args]: (string | Buffer)[]): Promise<unknown> {
    return this.live().client.call(name.toString(), ...args);
  }

  async keys(pattern = '*'): Promise<string[]> {
    return (await this.live().client.keys(pattern)).sort();
  }

  pause(): void {
    this.live().process.pause();
  }

  resume(): void {
    this.live().process.resume();
  }

  async kill(): Promise<void> {
    this.client?.disconnect();
    await this.process?.kill();
    this.client = this.process = undefined;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.settings.directory, { recursive: true, force: true });
  }

  private live(): { process: ServerProcess; client: Redis } {
    const { process, client } = this;
    if (!process || !client)
      throw new Error(`the Redis server on port ${this.port} is not running`);
    return { process, client };
  }

  private connect(): Redis {
    const { args } = this.settings;
    const password = args[args.indexOf('--requirepass') + 1];
    const client = new Redis(this.port, this.host, {
      ...(args.includes('--requirepass') && password !== undefined ? { password } : {}),
      maxRetriesPerRequest: null,
      retryStrategy: (times) => (times > PROBES ? null : PROBE_EVERY_MS),
      // ioredis waits this long for the close of a socket that may be closed already.
      disconnectTimeout: PROBE_EVERY_MS,
    });
    // Refused connections are expected until the server listens; what fails is the command.
    return client.on('error', () => {});
  }
}
