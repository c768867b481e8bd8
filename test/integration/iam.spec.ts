/** Applications that sign in with IAM, to a front that verifies their tokens as AWS does. */
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { type CacheError, CacheManager, ElastiCacheModule } from 'nestjs-elasticache';
import { elastiCache, iam, type IamOptions } from 'nestjs-elasticache/aws';
import { type ApplicationProcess, startProgram } from '../support/application.process.js';
import { type Authority, createAuthority } from '../support/certificates.js';
import { type IamPlace, startIamCluster, startIamNode } from '../support/iam.places.js';
import { until } from '../support/waiting.js';

const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'the key of the role' };
const MINUTES_MS = 60_000;

const kinds = {
  'a single node': { topology: 'single', serverless: false, start: startIamNode },
  'a cluster': { topology: 'cluster', serverless: false, start: startIamCluster },
  'a serverless cache': { topology: 'serverless', serverless: true, start: startIamCluster },
} as const;

let authority: Authority;
beforeAll(async () => {
  authority = await createAuthority();
});
afterAll(() => authority.remove());

describe.each(Object.keys(kinds) as (keyof typeof kinds)[])('An IAM user of %s', (kind) => {
  const { topology, serverless, start: startPlace } = kinds[kind];
  const request = { user: 'app', cacheName: 'orders', region: 'eu-west-1', serverless };
  let place: IamPlace;
  const applications: TestingModule[] = [];
  const programs: ApplicationProcess[] = [];

  beforeAll(async () => {
    const keys = { [credentials.accessKeyId]: credentials.secretAccessKey };
    const { region, cacheName } = request;
    const cache = { region, cacheName, serverless, users: ['app'], keys };
    place = await startPlace(authority, cache);
  });
  afterEach(async () => {
    await Promise.all(applications.splice(0).map((application) => application.close()));
    await Promise.all(programs.splice(0).map((program) => program.kill()));
    await until('no connection is left', () => place.front.open === 0);
  });
  afterAll(() => place.stop());

  async function start(change: Partial<IamOptions> = {}) {
    const log: string[] = [];
    const failures: CacheError[] = [];
    const record = (line: unknown) => void log.push(String(line));
    const before = place.front.attempts.length;
    const options = { ...request, credentials: async () => credentials, ...change };
    const connection = elastiCache({
      endpoint: place.endpoint,
      topology,
      auth: iam(options),
      tls: { ca: authority.ca },
    });
    const application = await Test.createTestingModule({
      imports: [
        ElastiCacheModule.forRoot({
          connection,
          errorHandler: (error) => void failures.push(error),
        }),
      ],
    })
      .setLogger({ log: record, warn: record, error: record })
      .compile();
    applications.push(application);
    await application.init();
    const rows = application.get(CacheManager).getCache<number, string>('rows');
    const works = async () => {
      await rows.put(1, 'stored');
      return (await rows.get(1)) === 'stored';
    };
    const faults = () => [
      ...new Set(place.front.attempts.slice(before).map(({ fault }) => fault ?? 'none')),
    ];
    const shown = () => inspect([log, failures, application], { depth: 12, showHidden: true });
    return { log, rows, works, faults, shown };
  }

  it('has a cache, and each connection a token that is right', async () => {
    const { works, faults, shown } = await start();
    await until('it works', works);
    expect(faults()).toEqual(['none']);
    expect(shown()).not.toContain('X-Amz-Signature');
  });

  it.each<[string, Partial<IamOptions>]>([
    ['user', { user: 'somebody' }],
    ['cache', { cacheName: 'others' }],
    ['scope', { region: 'us-east-1' }],
    ['signature', { credentials: async () => ({ ...credentials, secretAccessKey: 'wrong' }) }],
  ])('is told what to look at, and no token: wrong %s', async (fault, change) => {
    const { rows, log, faults, shown } = await start(change);
    await until('it is told', () => log.some((line) => line.includes('WRONGPASS')));
    expect(await rows.getOrLoad(1, async () => 'loaded')).toBe('loaded');
    expect(log.join()).toMatch(/WRONGPASS.*check user, password or token.*clock/);
    expect(faults()).toContain(fault); // a cluster that was closed before may still have asked for its slots
    expect(shown()).not.toContain('X-Amz-Signature');
  });

  it('is told the same where its clock is wrong, and works once it is right', async () => {
    place.front.advance(20 * MINUTES_MS);
    const { log, works, faults } = await start();
    await until('it is told', () => log.some((line) => line.includes('WRONGPASS')));
    expect(faults()).toContain('expired');
    place.front.advance(-20 * MINUTES_MS);
    await until('it works', works);
  });

  it('works once its credentials can be had', async () => {
    let failure: Error | undefined = new Error('the role cannot be assumed');
    const { log, works } = await start({
      credentials: async () => {
        if (failure) throw failure;
        return credentials;
      },
    });
    await until('it is told', () => log.join().includes('the role cannot be assumed'));
    failure = undefined;
    await until('it works', works);
  });

  /** Its clock is the machine's, and an hour ahead once it is told so. */
  const program = () => `
    import { elastiCache, iam } from 'nestjs-elasticache/aws';
    const now = Date.now;
    process.on('message', (message) => {
      if (message === 'an hour later') Date.now = () => now() + ${60 * MINUTES_MS};
      if (message === 'works?') void works().then((done) => tell(done));
    });
    const auth = iam({ ...${JSON.stringify(request)}, credentials: async () => (${JSON.stringify(credentials)}) });
    const connection = elastiCache({ endpoint: '${place.endpoint}', topology: '${topology}', auth, tls: { ca: ${JSON.stringify(authority.ca)} } });
    const app = await start({ connection, errorHandler: () => {} });
    const rows = app.get(library.CacheManager).getCache('rows');
    const works = async () => {
      await rows.put(1, 'stored');
      return (await rows.get(1)) === 'stored';
    };
    tell('started');
  `;

  it('goes on after its process was frozen for longer than its connections live', async () => {
    const { front } = place;
    const frozen = startProgram(program(), {});
    programs.push(frozen);
    expect(await frozen.told()).toBe('started');
    const works = async () => {
      frozen.tell('works?');
      return (await frozen.told()) === true;
    };
    await until('it works', works);
    const before = front.attempts.length;
    frozen.pause();
    front.advance(60 * MINUTES_MS);
    front.endAfter(0);
    await until('its connections are gone', () => front.open === 0);
    front.endAfter(undefined);
    frozen.tell('an hour later');
    frozen.resume();
    await until('it works again', works);
    const faults = front.attempts.slice(before).map(({ fault }) => fault);
    front.advance(-60 * MINUTES_MS);
    expect(new Set(faults)).toEqual(new Set([undefined]));
  });
});
