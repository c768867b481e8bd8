import { Inject } from '@nestjs/common';

import { getCacheToken } from '../elasticache.tokens.js';

/**
 * Injects a cache by its name: one of `forRoot({ caches })`, or of a `forFeature` that the module
 * imports. A name that neither has is Nest's error of a missing dependency, when the application starts.
 *
 * @example
 * constructor(@InjectCache('users') private readonly users: Cache<number, User>) {}
 */
export function InjectCache(name: string): PropertyDecorator & ParameterDecorator {
  return Inject(getCacheToken(name));
}
