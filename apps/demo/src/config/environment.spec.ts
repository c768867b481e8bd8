import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { readEnvironment } from './environment.js';

describe('readEnvironment', () => {
  it('has a default for everything, and takes an empty variable for none', () => {
    expect({ ...readEnvironment({ PATH: '/bin', REDIS_URL: '', PORT: '' }) }).toMatchObject({
      PORT: 3000,
      SEED_ARTICLES: 10_000,
      SEED_USERS: 500,
      CACHE: 'on',
      CACHE_TTL_ARTICLES_LIST: '60s',
      CACHE_TTL_ARTICLE: '300s',
      CACHE_TTL_USER: '600s',
      CACHE_TTL_TAGS: '300s',
      CACHE_TIMEOUTS_STORE: '250ms',
    });
    expect(readEnvironment({ REDIS_URL: '' }).REDIS_URL).toBeUndefined();
  });

  it('takes what is given', () => {
    const given = { PORT: '0', REDIS_URL: 'rediss://cache:6380/1', CACHE_TTL_USER: '1500' };
    expect(readEnvironment(given)).toMatchObject({ ...given, PORT: 0 });
  });

  it('names every variable at fault, and shows no value', () => {
    const read = () =>
      readEnvironment({
        PORT: 'http',
        REDIS_URL: 'cache:hunter2@host',
        DATABASE_URL: 'mysql://u:hunter2@host',
        CACHE_TTL_TAGS: 'long',
      });
    expect(read).toThrow(/PORT.*\n.*REDIS_URL.*\n.*DATABASE_URL.*\n.*CACHE_TTL_TAGS must be/);
    expect(read).not.toThrow(/hunter2/);
  });
});
