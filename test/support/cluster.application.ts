/** Real Nest applications with the cache in front of a real cluster of three primaries, for specs. */
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { Provider } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { Cluster } from 'ioredis';
import { ElastiCacheModule } from 'nestjs-elasticache';
import type { ElastiCacheModuleOptions } from 'nestjs-elasticache';
import { type RedisCluster, startRedisCluster } from './redis.cluster.js';

const silence = () => {};
const quiet = { log: silence, warn: silence, error: silence };

/** A busy machine is no outage. */
const SLOTS_TIMEOUT_MS = 10_000;

/** Call inside a `describe`: a cluster for its specs, whose applications are closed after each. */
export function onCluster(): ClusterHarness {
  const harness = new ClusterHarness();
  beforeAll(() => harness.open());
  afterEach(() => harness.reset());
  afterAll(() => harness.close());
  return harness;
}

export class ClusterHarness {
  private opened: RedisCluster | undefined;
  private readonly clients: Cluster[] = [];
  private readonly applications: TestingModule[] = [];

  get cluster(): RedisCluster {
    return this.opened!;
  }

  /** Starts an application with a client of its own, which knows the slots by then. */
  async start(
    options: ElastiCacheModuleOptions,
    providers: Provider[] = [],
  ): Promise<TestingModule> {
    const client = new Cluster(this.cluster.startupNodes, {
      slotsRefreshTimeout: SLOTS_TIMEOUT_MS,
    });
    client.on('error', silence);
    this.clients.push(client);
    await once(client, 'ready');
    const application = await Test.createTestingModule({
      imports: [ElastiCacheModule.forRoot({ connection: client, ...options })],
      providers,
    })
      .setLogger(quiet)
      .compile();
    this.applications.push(application);
    return application.init();
  }

  async open(): Promise<void> {
    this.opened = await startRedisCluster();
  }

  async reset(): Promise<void> {
    await Promise.all(this.applications.splice(0).map((application) => application.close()));
    for (const client of this.clients.splice(0)) client.disconnect();
  }

  async close(): Promise<void> {
    await this.opened?.stop();
  }
}
