/** A server, asked by another process. */
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { serve } from './child.js';
import { contenders } from './http.servers.js';

export interface Spent {
  readonly url: string;
  /** Of all threads since the process began, in microseconds. */
  readonly cpuUs: number;
  readonly loads: number;
}

const [name, platform, redisUrl = ''] = process.argv.slice(2);

await serve<object>(async () => {
  const contender = contenders.find((one) => one.name === name)!;
  const { module, loads } = await contender.create(redisUrl);
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = await NestFactory.create(module, adapter, { logger: false });
  const server = await app.listen(0, '127.0.0.1');
  const { port } = server.address() as AddressInfo;
  return async () => {
    const { user, system } = process.cpuUsage();
    return { url: `http://127.0.0.1:${port}`, cpuUs: user + system, loads: loads() };
  };
});
