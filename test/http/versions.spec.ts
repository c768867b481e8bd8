/** Versions of an API that share a URL, told apart by a field of the request. */
import { describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Headers,
  UseInterceptors,
  Version,
  VERSION_NEUTRAL,
  type VersioningOptions,
  VersioningType,
} from '@nestjs/common';
import { CacheInterceptor } from 'nestjs-elasticache';
import { platforms, websites } from '../support/http.application.js';

@UseInterceptors(CacheInterceptor)
@Controller()
class Articles {
  calls = 0;

  @Get('split')
  @Version('1')
  first() {
    return { call: ++this.calls, version: 1 };
  }

  @Get('split')
  @Version('2')
  second() {
    return { call: ++this.calls, version: 2 };
  }

  @Get('joint')
  @Version(['1', '2', VERSION_NEUTRAL])
  joint(@Headers() headers: Record<string, string | undefined>) {
    const version = headers['x-version'] ?? headers['accept']?.at(-1);
    return { call: ++this.calls, version: Number(version) };
  }

  @Get('default')
  byDefault(@Headers('x-version') version: string) {
    return { call: ++this.calls, version: Number(version) };
  }
}

const kinds: [string, VersioningOptions, (version: number) => Record<string, string>][] = [
  [
    'X-Version',
    { type: VersioningType.HEADER, header: 'X-Version', defaultVersion: ['1', '2'] },
    (version) => ({ 'x-version': `${version}` }),
  ],
  [
    'Accept',
    { type: VersioningType.MEDIA_TYPE, key: 'v=' },
    (version) => ({ accept: `application/json;v=${version}` }),
  ],
];

describe.each(platforms)('on %s', (platform) => {
  const sites = websites();

  describe.each(kinds)('by %s', (field, versioning, asking) => {
    const start = () =>
      sites.start(Articles, { platform, configure: (app) => app.enableVersioning(versioning) });

    const paths = versioning.defaultVersion ? ['split', 'joint', 'default'] : ['split', 'joint'];
    it.each(paths)('each version of /%s has its own answers, here and downstream', async (path) => {
      const { get, controller } = await start();
      for (const verdict of ['MISS', 'HIT']) {
        for (const version of [1, 2]) {
          const { text, headers } = await get(`/${path}`, asking(version));
          expect(JSON.parse(text)).toMatchObject({ version });
          expect(headers['x-cache']).toBe(verdict);
          expect(headers.vary?.toLowerCase()).toBe(field.toLowerCase());
        }
      }
      expect(controller.calls).toBe(2);
    });

    it('two asked for at once wait for their own', async () => {
      const { get } = await start();
      const asked = [1, 2, 1, 2].map((version) => get('/joint', asking(version)));
      const answers = (await Promise.all(asked)).map(({ text }) => JSON.parse(text));
      expect(answers.map(({ version }) => version)).toEqual([1, 2, 1, 2]);
    });
  });
});
