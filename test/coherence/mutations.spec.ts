import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RedisServer, startRedis } from '../support/redis.server.js';
import { breed } from './mutant.js';
import { type Mutation, MUTATIONS } from './mutations.js';
import { crash, inFlight, overlap, overtaken } from './plays.js';
import { Stage } from './stage.js';
import create from './subjects/elasticache.js';

const REPOSITORY = new URL('../../', import.meta.url);
const PLAYS = { crash, inFlight, overlap, overtaken };
const TIMEOUT_MS = 60_000;

describe('a rule taken out is caught by the plays', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  });

  afterAll(() => server.stop());

  async function firstComplaint(mutation: Mutation): Promise<string | undefined> {
    const { consistency, plays } = mutation;
    const redis = { isCluster: false, ports: [server.port], instead: [] };
    const mutant = breed(mutation, REPOSITORY);
    const { library } = mutant;
    const options = { subject: 'elasticache', consistency, redis, library };
    const stage = await (plays === 'overtaken'
      ? Stage.openFarAway(create, server, { library })
      : Stage.open(create, options));
    try {
      for await (const complaint of PLAYS[plays!](stage)) return complaint;
      return undefined;
    } finally {
      await stage.close();
      mutant.remove();
      await server.command('FLUSHALL');
    }
  }

  it.each(MUTATIONS.filter(({ plays }) => plays !== undefined))(
    '$name',
    async (mutation) => expect(await firstComplaint(mutation)).toEqual(expect.any(String)),
    TIMEOUT_MS,
  );

  it.each(MUTATIONS)('$name: it is where the mutation has it', (mutation) => {
    breed(mutation, REPOSITORY).remove();
  });

  it('a rule that has moved is told', () => {
    const edits = [{ file: 'index.js', find: 'no such text', replace: '' }];
    expect(() => breed({ ...MUTATIONS[0]!, edits }, REPOSITORY)).toThrow(/0 times in index\.js/);
  });
});
