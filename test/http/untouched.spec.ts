/** Where the interceptor stands and has nothing to do. */
import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Logger, UseInterceptors } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import { CacheInterceptor, CacheResponse } from 'nestjs-elasticache';
import { platforms, websites } from '../support/http.application.js';

@UseInterceptors(CacheInterceptor)
@Controller()
class Plain {
  calls = 0;

  @Get('plain')
  plain() {
    return { call: ++this.calls };
  }
}

@Controller()
class Pages {
  @Get('page')
  @CacheResponse({ cacheName: 'pages' })
  page() {
    return 1;
  }
}

describe.each(platforms)('on %s', (platform) => {
  const sites = websites();

  it('nothing is cached, and nothing said, where caching is off', async () => {
    const { get, controller } = await sites.start(Plain, { platform, options: { enabled: false } });
    await get('/plain');
    const again = await get('/plain');
    expect(controller.calls).toBe(2);
    expect(again.headers['x-cache']).toBeUndefined();
    expect(again.headers['cache-status']).toBeUndefined();
  });

  it.each(['graphql', 'rpc', 'ws'] as const)('a context of %s passes', async (kind) => {
    const { app, controller } = await sites.start(Plain, { platform });
    // What Nest's own modules for these make their handlers with.
    const handler = app
      .get(ExternalContextCreator)
      .create(
        controller,
        controller.plain.bind(controller),
        'plain',
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
        kind,
      );
    // As a request of GraphQL or a message has it: no request of HTTP at all.
    expect(await handler(undefined, undefined)).toEqual({ call: 1 });
    expect(await handler(undefined, undefined)).toEqual({ call: 2 });
  });

  it('without a cache to put it into, a route is not cached, and that is said once', async () => {
    const said: string[] = [];
    const { get, controller } = await sites.start(Plain, {
      platform,
      options: { dynamicCaches: false },
    });
    Logger.overrideLogger({
      log: () => undefined,
      error: () => undefined,
      warn: (line: string) => void said.push(line),
    });
    await get('/plain');
    await get('/plain');
    Logger.overrideLogger(false);
    expect(controller.calls).toBe(2);
    expect(said).toEqual([
      "Plain.plain is not cached: there is no cache 'http'; add it to forRoot({ caches }).",
    ]);
  });
});

describe('at start-up', () => {
  const sites = websites();

  it('a cache that nobody configured is a fault where all must be', async () => {
    const options = { dynamicCaches: false };
    const message =
      "caches in 'pages', which nobody configured, and dynamicCaches is false: add it to forRoot({ caches })";
    await expect(sites.start(Pages, { platform: 'express', options })).rejects.toMatchObject({
      faults: [{ path: 'Pages.page', message }],
    });
  });
});
