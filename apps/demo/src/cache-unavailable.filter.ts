import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  ServiceUnavailableException,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { CacheUnavailableError } from 'nestjs-elasticache';

/**
 * Reads go on without the cache. A write in strict mode does not: its method has not run, so the
 * client may try again.
 */
@Catch(CacheUnavailableError)
export class CacheUnavailableFilter implements ExceptionFilter<CacheUnavailableError> {
  constructor(private readonly adapter: HttpAdapterHost) {}

  catch(_error: CacheUnavailableError, host: ArgumentsHost): void {
    const answer = new ServiceUnavailableException('Nothing was changed. Try again.');
    const response: unknown = host.switchToHttp().getResponse();
    this.adapter.httpAdapter.reply(response, answer.getResponse(), answer.getStatus());
  }
}
