import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { crash, inFlight, overlap, overtaken, type Plays } from './plays.js';
import { Stage } from './stage.js';
import create from './subjects/elasticache.js';

const TIMEOUT_MS = 60_000;

it(
  'an answer of Redis that is overtaken by an invalidation leaves no copy that stays',
  async () => {
    const server = await startRedis();
    const stage = await Stage.openFarAway(create, server, {});
    try {
      const complaints: string[] = [];
      for await (const complaint of overtaken(stage)) complaints.push(complaint);
      expect(complaints).toEqual([]);
    } finally {
      await stage.close();
      await server.stop();
    }
  },
  TIMEOUT_MS,
);

describe.each(['default', 'strict'] as const)('in the mode %s', (consistency) => {
  describe.each(['Redis', 'memory'] as const)('with %s', (tier) => {
    let server: RedisServer | undefined;
    let stage: Stage;

    beforeAll(async () => {
      server = tier === 'Redis' ? await startRedis() : undefined;
      const redis = server && { isCluster: false, ports: [server.port], instead: [] };
      stage = await Stage.open(create, { subject: '', consistency, ...(redis ? { redis } : {}) });
    });

    afterAll(async () => {
      await stage?.close();
      await server?.stop();
    });

    const come = async (plays: Plays) => {
      const complaints: string[] = [];
      for await (const complaint of plays(stage)) complaints.push(complaint);
      return complaints;
    };

    it(
      'a load or put in flight brings back nothing that was invalidated, and nobody joins it',
      async () => expect(await come(inFlight)).toEqual([]),
      TIMEOUT_MS,
    );

    it(
      'of two writes that overlap the older value is never left',
      async () => expect(await come(overlap)).toEqual([]),
      TIMEOUT_MS,
    );

    it(
      'nor does one of what is made of cached rows',
      async () => {
        const redis = server && { isCluster: false, ports: [server.port], instead: [] };
        const subject = 'elasticache/nested';
        const own = await Stage.open(create, { subject, consistency, ...(redis ? { redis } : {}) });
        try {
          const complaints: string[] = [];
          for await (const complaint of inFlight(own)) complaints.push(complaint);
          expect(complaints).toEqual([]);
        } finally {
          await own.close();
        }
      },
      TIMEOUT_MS,
    );

    // Memory dies with its process.
    if (consistency === 'strict' && tier === 'Redis') {
      it(
        'nothing stale is seen of a writer that dies after its commit, whoever else reads and writes',
        async () => expect(await come(crash)).toEqual([]),
        TIMEOUT_MS,
      );
    }
  });
});
